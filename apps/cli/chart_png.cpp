// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <cmath>

#include "bnas/core/error.hpp"
#include "cli/chart.hpp"

namespace bnas::cli {
namespace {

constexpr int kWidth = 1200;
constexpr int kHeight = 750;
constexpr int kLeft = 110;
constexpr int kRight = 1180;
constexpr int kTop = 60;
constexpr int kBottom = 670;
constexpr int kDot = 3;  // pixels of a font's dot

/// Letters of 3 x 5 dots: five octal digits from top to bottom, 4 is the left dot. Lower case is drawn as upper case.
constexpr std::string_view kLetters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ.-+%/:,()=_'# ";
constexpr const char* kGlyphs[] = {
    "75557", "26227", "71747", "71717", "55711", "74717", "74757", "71222", "75757", "75717", "25755", "65656", "34443",
    "65556", "74647", "74644", "34553", "55755", "72227", "11152", "55655", "44447", "57755", "65555", "25552", "65644",
    "25563", "65655", "34216", "72222", "55557", "55552", "55775", "55255", "55222", "71247", "00002", "00700", "02720",
    "51245", "11244", "02020", "00024", "24442", "42224", "07070", "00007", "22000", "57575", "00000"};
static_assert(kLetters.size() == std::size(kGlyphs));

class Raster {
 public:
  Raster() : pixels_(static_cast<std::size_t>(kWidth) * kHeight * 3, 255) {}

  void blend(int x, int y, const Rgb& ink, double share) {
    if (x < 0 || y < 0 || x >= kWidth || y >= kHeight) {
      return;
    }
    std::uint8_t* pixel = pixels_.data() + (static_cast<std::size_t>(y) * kWidth + static_cast<std::size_t>(x)) * 3;
    for (std::size_t i = 0; i < 3; ++i) {
      pixel[i] = static_cast<std::uint8_t>(std::lround(pixel[i] + (ink[i] - pixel[i]) * share));
    }
  }
  void fill(int x0, int y0, int x1, int y1, const Rgb& ink, double share) {
    for (int y = std::min(y0, y1); y <= std::max(y0, y1); ++y) {
      for (int x = std::min(x0, x1); x <= std::max(x0, x1); ++x) {
        blend(x, y, ink, share);
      }
    }
  }
  void disc(int cx, int cy, double radius, const Rgb& ink) {
    const int reach = static_cast<int>(radius) + 1;
    for (int y = -reach; y <= reach; ++y) {
      for (int x = -reach; x <= reach; ++x) {
        blend(cx + x, cy + y, ink, std::clamp(radius + 0.5 - std::hypot(x, y), 0.0, 1.0));
      }
    }
  }
  void line(int x0, int y0, int x1, int y1, const Rgb& ink) {
    const int steps = std::max({1, std::abs(x1 - x0), std::abs(y1 - y0)});
    for (int i = 0; i <= steps; ++i) {
      const int x = x0 + (x1 - x0) * i / steps;
      const int y = y0 + (y1 - y0) * i / steps;
      fill(x, y, x + 1, y + 1, ink, 1.0);
    }
  }
  /// `align`: 0 begins at x, 1 is centered, 2 ends there. `y` is the upper edge.
  void text(int x, int y, std::string_view text, int align, const Rgb& ink) {
    constexpr int kAdvance = 4 * kDot;
    x -= align * static_cast<int>(text.size()) * kAdvance / 2;
    for (const char c : text) {
      const auto found = kLetters.find(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
      const char* glyph = kGlyphs[found == std::string_view::npos ? kLetters.find('_') : found];
      for (int row = 0; row < 5; ++row) {
        for (int column = 0; column < 3; ++column) {
          if (((glyph[row] - '0') & (4 >> column)) != 0) {
            fill(x + column * kDot, y + row * kDot, x + (column + 1) * kDot - 1, y + (row + 1) * kDot - 1, ink, 1.0);
          }
        }
      }
      x += kAdvance;
    }
  }

  std::vector<std::uint8_t> encode() const {
    png_image image{};
    image.version = PNG_IMAGE_VERSION;
    image.width = kWidth;
    image.height = kHeight;
    image.format = PNG_FORMAT_RGB;
    png_alloc_size_t size = 0;
    const bool sized = png_image_write_to_memory(&image, nullptr, &size, 0, pixels_.data(), 0, nullptr) != 0;
    std::vector<std::uint8_t> bytes(sized ? size : 0);
    check(sized && png_image_write_to_memory(&image, bytes.data(), &size, 0, pixels_.data(), 0, nullptr) != 0, "chart",
          image.message);
    bytes.resize(size);
    return bytes;
  }

 private:
  std::vector<std::uint8_t> pixels_;
};

constexpr Rgb kBlack = {40, 40, 40};

struct Scale {
  ChartFrame frame;
  int x(double value) const { return static_cast<int>(std::lround(kLeft + frame.across(value) * (kRight - kLeft))); }
  int y(double value) const { return static_cast<int>(std::lround(kBottom - frame.up(value) * (kBottom - kTop))); }
};

void draw_axes(Raster& raster, const Chart& chart, const Scale& scale) {
  constexpr Rgb kGrid = {225, 225, 225};
  for (const double tick : scale.frame.x_ticks) {
    raster.fill(scale.x(tick), kTop, scale.x(tick), kBottom, kGrid, 1.0);
    raster.text(scale.x(tick), kBottom + 12, fmt::format("{:g}", tick), 1, kBlack);
  }
  for (const double tick : scale.frame.y_ticks) {
    raster.fill(kLeft, scale.y(tick), kRight, scale.y(tick), kGrid, 1.0);
    raster.text(kLeft - 10, scale.y(tick) - 7, fmt::format("{:g}", tick), 2, kBlack);
  }
  raster.text(kWidth / 2, 12, chart.title, 1, kBlack);
  raster.text((kLeft + kRight) / 2, kBottom + 45, chart.x_label, 1, kBlack);
  raster.text(10, kTop - 44, chart.y_label, 0, kBlack);
}

void draw_line(Raster& raster, const ChartSeries& series, const Scale& scale, const Rgb& ink) {
  for (std::size_t i = 0; i + 1 < series.points.size(); ++i) {
    const ChartPoint& a = series.points[i];
    const ChartPoint& b = series.points[i + 1];
    for (int x = scale.x(a.x); x < scale.x(b.x); ++x) {  // the band, column by column
      const double share = static_cast<double>(x - scale.x(a.x)) / (scale.x(b.x) - scale.x(a.x));
      const double low = a.low + (b.low - a.low) * share;
      const double high = a.high + (b.high - a.high) * share;
      if (high > low) {
        raster.fill(x, scale.y(low), x, scale.y(high), ink, 0.15);
      }
    }
    raster.line(scale.x(a.x), scale.y(a.y), scale.x(b.x), scale.y(b.y), ink);
  }
}

}  // namespace

std::vector<std::uint8_t> chart_png(const Chart& chart) {
  const Scale scale{ChartFrame(chart)};
  Raster raster;
  draw_axes(raster, chart, scale);
  int legend = kBottom - 25;
  for (std::size_t i = 0; i < chart.series.size(); ++i) {
    const ChartSeries& series = chart.series[i];
    if (series.line) {
      draw_line(raster, series, scale, line_color(i));
    } else {
      for (const ChartPoint& p : series.points) {
        const Rgb ink = shade_color(scale.frame.up(p.y));
        if (p.high > p.low) {
          raster.fill(scale.x(p.x), scale.y(p.low), scale.x(p.x), scale.y(p.high), ink, 0.5);
        }
        raster.disc(scale.x(p.x), scale.y(p.y), 4.0, ink);
      }
    }
    if (!series.name.empty()) {
      raster.text(kRight - 10, legend, series.name, 2, line_color(i));
      legend -= 24;
    }
  }
  return raster.encode();
}

}  // namespace bnas::cli
