// SPDX-License-Identifier: Apache-2.0
#include "cli/chart.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bnas::cli {
namespace {

/// About `wanted` steps between round numbers; widens [low, high] to whole steps.
std::vector<double> ticks_of(double& low, double& high, int wanted) {
  if (!(high > low)) {  // one value, or none
    const double room = low == 0.0 ? 1.0 : std::abs(low) * 0.1;
    low -= room;
    high += room;
  }
  const double rough = (high - low) / wanted;
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  double step = 10.0 * power;
  for (const double factor : {5.0, 2.0, 1.0}) {
    step = factor * power >= rough ? factor * power : step;
  }
  const double first = std::floor(low / step + 1e-9);
  const double last = std::ceil(high / step - 1e-9);
  std::vector<double> ticks;
  const auto intervals = static_cast<int>(last - first);
  for (int i = 0; i <= intervals; ++i) {
    ticks.push_back((first + i) * step);
  }
  low = ticks.front();
  high = ticks.back();
  return ticks;
}

Rgb mixed(const Rgb& a, const Rgb& b, double share) {
  Rgb out{};
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<std::uint8_t>(std::lround(a[i] + (b[i] - a[i]) * share));
  }
  return out;
}

}  // namespace

ChartFrame::ChartFrame(const Chart& chart) {
  constexpr double kNone = std::numeric_limits<double>::infinity();
  x_low = y_low = kNone;
  x_high = y_high = -kNone;
  for (const ChartSeries& series : chart.series) {
    for (const ChartPoint& p : series.points) {
      x_low = std::min(x_low, p.x);
      x_high = std::max(x_high, p.x);
      y_low = std::min({y_low, p.y, p.low});
      y_high = std::max({y_high, p.y, p.high});
    }
  }
  if (x_low > x_high) {
    x_low = y_low = 0.0;
    x_high = y_high = 1.0;
  }
  x_ticks = ticks_of(x_low, x_high, 6);
  y_ticks = ticks_of(y_low, y_high, 6);
}

Rgb shade_color(double fraction) {
  static constexpr Rgb kAnchors[] = {{70, 20, 90}, {60, 80, 140}, {35, 145, 140}, {95, 190, 90}, {240, 215, 50}};
  const double at = std::clamp(fraction, 0.0, 1.0) * 4.0;
  const auto index = std::min<std::size_t>(3, static_cast<std::size_t>(at));
  return mixed(kAnchors[index], kAnchors[index + 1], at - static_cast<double>(index));
}

Rgb line_color(std::size_t index) {
  static constexpr Rgb kInks[] = {{0, 95, 170},   {210, 90, 0},    {0, 130, 90},
                                  {170, 60, 140}, {110, 110, 110}, {130, 95, 20}};
  return kInks[index % std::size(kInks)];
}

}  // namespace bnas::cli
