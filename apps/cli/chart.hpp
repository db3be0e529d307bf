// SPDX-License-Identifier: Apache-2.0
// Charts of points and lines, drawn as SVG, as PNG and with characters.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/terminal.hpp"

namespace bnas::cli {

/// A point with its error bar (`low` to `high`; both `y` without one). Values must be finite.
struct ChartPoint {
  double x = 0.0;
  double y = 0.0;
  double low = 0.0;
  double high = 0.0;
  std::string label;  ///< shown by SVG viewers on hovering; may be empty
};

struct ChartSeries {
  std::string name;  ///< in the legend; empty: not there
  std::vector<ChartPoint> points;
  bool line = false;  ///< points joined, error bars as a band; otherwise dots coloured by their height
};

struct Chart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<ChartSeries> series;
};

using Rgb = std::array<std::uint8_t, 3>;

/// What all drawings of a chart agree on.
struct ChartFrame {
  double x_low = 0.0, x_high = 1.0, y_low = 0.0, y_high = 1.0;
  std::vector<double> x_ticks, y_ticks;  ///< multiples of 1, 2 or 5 times a power of ten

  explicit ChartFrame(const Chart& chart);
  double across(double x) const { return (x - x_low) / (x_high - x_low); }
  double up(double y) const { return (y - y_low) / (y_high - y_low); }
};

/// Of a dot `fraction` of the way up: dark violet, green, yellow, equally readable by the colour-blind.
Rgb shade_color(double fraction);
/// Of line `index`.
Rgb line_color(std::size_t index);

/// A whole SVG document of 900 x 560 units. Texts are escaped.
std::string chart_svg(const Chart& chart);
/// A PNG file of 1200 x 750 pixels.
std::vector<std::uint8_t> chart_png(const Chart& chart);
/// Lines of at most `columns` characters, `rows` of them for the plot itself.
std::string chart_text(const Chart& chart, const Terminal& terminal, int columns, int rows);

}  // namespace bnas::cli
