// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <set>
#include <utility>

#include "cli/chart.hpp"

namespace bnas::cli {
namespace {

constexpr double kWidth = 900.0;
constexpr double kHeight = 560.0;
constexpr double kLeft = 80.0;
constexpr double kRight = 880.0;
constexpr double kTop = 50.0;
constexpr double kBottom = 500.0;
constexpr std::size_t kMostDots = 20'000;  // beyond, only those that can be told apart

std::string xml(std::string_view text) {
  std::string out;
  for (const char c : escaped(text)) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string hex(const Rgb& c) { return fmt::format("#{:02x}{:02x}{:02x}", c[0], c[1], c[2]); }

struct Scale {
  ChartFrame frame;
  double x(double value) const { return kLeft + frame.across(value) * (kRight - kLeft); }
  double y(double value) const { return kBottom - frame.up(value) * (kBottom - kTop); }
};

std::string axes(const Chart& chart, const Scale& scale) {
  std::string out;
  for (const double tick : scale.frame.x_ticks) {
    out += fmt::format(
        "<path d=\"M{0:.1f} {1}V{2}\" stroke=\"#ddd\"/><text x=\"{0:.1f}\" y=\"{3}\" "
        "text-anchor=\"middle\">{4:g}</text>\n",
        scale.x(tick), kTop, kBottom, kBottom + 18.0, tick);
  }
  for (const double tick : scale.frame.y_ticks) {
    out += fmt::format(
        "<path d=\"M{0} {1:.1f}H{2}\" stroke=\"#ddd\"/><text x=\"{3}\" y=\"{4:.1f}\" "
        "text-anchor=\"end\">{5:g}</text>\n",
        kLeft, scale.y(tick), kRight, kLeft - 8.0, scale.y(tick) + 4.0, tick);
  }
  out += fmt::format("<text x=\"{}\" y=\"24\" text-anchor=\"middle\" font-size=\"16\">{}</text>\n", kWidth / 2.0,
                     xml(chart.title));
  out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n", (kLeft + kRight) / 2.0,
                     kBottom + 42.0, xml(chart.x_label));
  out += fmt::format("<text transform=\"translate(20 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>\n",
                     (kTop + kBottom) / 2.0, xml(chart.y_label));
  return out;
}

std::string lines(const ChartSeries& series, const Scale& scale, const std::string& ink) {
  std::string path;
  std::string upper;
  std::string lower;
  bool band = false;
  for (const ChartPoint& p : series.points) {
    path += fmt::format("{}{:.1f} {:.1f}", path.empty() ? "M" : "L", scale.x(p.x), scale.y(p.y));
    upper += fmt::format("{}{:.1f} {:.1f}", upper.empty() ? "M" : "L", scale.x(p.x), scale.y(p.high));
    lower = fmt::format("L{:.1f} {:.1f}", scale.x(p.x), scale.y(p.low)) + lower;
    band = band || p.high > p.low;
  }
  std::string out =
      band ? fmt::format("<path d=\"{}{}Z\" fill=\"{}\" fill-opacity=\"0.15\"/>\n", upper, lower, ink) : "";
  return out + fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\"/>\n", path, ink);
}

std::string dots(const ChartSeries& series, const Scale& scale) {
  std::string out;
  std::set<std::pair<int, int>> taken;  // whole units: a dot on another one cannot be seen
  for (const ChartPoint& p : series.points) {
    if (series.points.size() > kMostDots && p.high <= p.low &&
        !taken.emplace(static_cast<int>(scale.x(p.x)), static_cast<int>(scale.y(p.y))).second) {
      continue;
    }
    const std::string ink = hex(shade_color(scale.frame.up(p.y)));
    if (p.high > p.low) {
      out += fmt::format("<path d=\"M{0:.1f} {1:.1f}V{2:.1f}\" stroke=\"{3}\" stroke-opacity=\"0.5\"/>\n", scale.x(p.x),
                         scale.y(p.low), scale.y(p.high), ink);
    }
    out += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3.5\" fill=\"{}\">", scale.x(p.x), scale.y(p.y), ink);
    out += (p.label.empty() ? "" : "<title>" + xml(p.label) + "</title>") + std::string("</circle>\n");
  }
  return out;
}

}  // namespace

std::string chart_svg(const Chart& chart) {
  const Scale scale{ChartFrame(chart)};
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n",
      kWidth, kHeight);
  out += axes(chart, scale);
  double legend = kBottom - 12.0;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const ChartSeries& series = chart.series[i];
    const std::string ink = hex(line_color(i));
    out += series.line ? lines(series, scale, ink) : dots(series, scale);
    if (!series.name.empty()) {
      out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"{}\">{}</text>\n", kRight - 10.0, legend,
                         ink, xml(series.name));
      legend -= 16.0;
    }
  }
  return out + "</svg>\n";
}

}  // namespace bnas::cli
