// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "cli/chart.hpp"

namespace bnas::cli {
namespace {

constexpr int kMargin = 9;  // of the labels on the left

/// Characters, each of 2 x 4 dots where Braille patterns can be shown, else of one.
class Canvas {
 public:
  Canvas(int columns, int rows, bool braille)
      : columns_(columns), rows_(rows), braille_(braille), cells_(static_cast<std::size_t>(columns * rows)) {}

  int width() const { return columns_ * (braille_ ? 2 : 1); }
  int height() const { return rows_ * (braille_ ? 4 : 1); }

  /// Dot (x, y) from the lower left corner. Of dots in one character the last gives the colour.
  void set(int x, int y, const Rgb& ink, char mark) {
    x = std::clamp(x, 0, width() - 1);
    y = height() - 1 - std::clamp(y, 0, height() - 1);
    static constexpr int kBits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    Cell& cell = cells_[static_cast<std::size_t>((braille_ ? y / 4 * columns_ + x / 2 : y * columns_ + x))];
    cell.dots |= braille_ ? kBits[y % 4][x % 2] : 1;
    cell.ink = ink;
    cell.mark = mark;
  }

  std::string row(int index, bool color) const {
    std::string out;
    for (int c = 0; c < columns_; ++c) {
      const Cell& cell =
          cells_[static_cast<std::size_t>(index) * static_cast<std::size_t>(columns_) + static_cast<std::size_t>(c)];
      std::string sign(1, cell.dots == 0 ? ' ' : cell.mark);
      if (braille_ && cell.dots != 0) {  // U+2800 + dots in UTF-8
        sign = {static_cast<char>(0xE2), static_cast<char>(0xA0 + (cell.dots >> 6)),
                static_cast<char>(0x80 + (cell.dots & 0x3F))};
      }
      out += color && cell.dots != 0 ? fmt::format("\033[38;5;{}m{}\033[0m", palette(cell.ink), sign) : sign;
    }
    return out;
  }

 private:
  struct Cell {
    int dots = 0;
    Rgb ink{};
    char mark = '*';
  };
  /// The nearest colour of the 6 x 6 x 6 cube.
  static int palette(const Rgb& c) {
    const auto level = [](std::uint8_t v) { return static_cast<int>(std::lround(v / 255.0 * 5.0)); };
    return 16 + 36 * level(c[0]) + 6 * level(c[1]) + level(c[2]);
  }

  int columns_;
  int rows_;
  bool braille_;
  std::vector<Cell> cells_;
};

void draw(Canvas& canvas, const ChartFrame& frame, const ChartSeries& series, std::size_t index) {
  static constexpr char kMarks[] = "*o+x#@";
  const char mark = kMarks[index % (sizeof(kMarks) - 1)];
  const auto column = [&](double x) { return static_cast<int>(std::lround(frame.across(x) * (canvas.width() - 1))); };
  const auto row = [&](double y) { return static_cast<int>(std::lround(frame.up(y) * (canvas.height() - 1))); };
  std::optional<std::pair<int, int>> last;
  for (const ChartPoint& p : series.points) {
    const std::pair<int, int> here{column(p.x), row(p.y)};
    if (!series.line) {
      canvas.set(here.first, here.second, shade_color(frame.up(p.y)), '*');
      continue;
    }
    const std::pair<int, int> from = last.value_or(here);
    const int steps = std::max({1, std::abs(here.first - from.first), std::abs(here.second - from.second)});
    for (int i = 0; i <= steps; ++i) {
      canvas.set(from.first + (here.first - from.first) * i / steps,
                 from.second + (here.second - from.second) * i / steps, line_color(index), mark);
    }
    last = here;
  }
}

}  // namespace

std::string chart_text(const Chart& chart, const Terminal& terminal, int columns, int rows) {
  const ChartFrame frame(chart);
  Canvas canvas(std::max(10, columns - kMargin), std::max(4, rows), terminal.utf8);
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    draw(canvas, frame, chart.series[i], i);
  }
  const int plot_rows = std::max(4, rows);
  std::vector<std::string> labels(static_cast<std::size_t>(plot_rows));
  for (const double tick : frame.y_ticks) {
    labels[static_cast<std::size_t>(std::lround((1.0 - frame.up(tick)) * (plot_rows - 1)))] = fmt::format("{:g}", tick);
  }
  std::string out = fit(escaped(chart.title), columns) + "\n";
  for (int r = 0; r < plot_rows; ++r) {
    out += fmt::format("{:>{}} {}{}\n", fit(labels[static_cast<std::size_t>(r)], kMargin - 2), kMargin - 2,
                       terminal.utf8 ? "│" : "|", canvas.row(r, terminal.color));
  }
  const std::string left = fmt::format("{:g}", frame.x_low);
  const std::string right = fmt::format("{:g}", frame.x_high);
  const int room = columns - kMargin - static_cast<int>(left.size() + right.size());
  out += std::string(kMargin, ' ') + left +
         fmt::format("{:^{}}", fit(escaped(chart.x_label), std::max(0, room)), std::max(0, room)) + right + "\n";
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    if (!chart.series[i].name.empty()) {
      const Rgb ink = line_color(i);
      const std::string mark = terminal.color  ? fmt::format("\033[38;2;{};{};{}m--\033[0m", ink[0], ink[1], ink[2])
                               : terminal.utf8 ? "--"
                                               : std::string(2, "*o+x#@"[i % 6]);
      out += std::string(kMargin, ' ') + mark + " " + fit(escaped(chart.series[i].name), columns - kMargin - 3) + "\n";
    }
  }
  return out;
}

}  // namespace bnas::cli
