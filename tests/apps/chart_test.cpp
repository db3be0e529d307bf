// SPDX-License-Identifier: Apache-2.0
#include "cli/chart.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>

#include <sstream>

namespace bnas::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

Chart sample(bool line) {
  Chart chart{"cells <&> more", "line", "accuracy", {}};
  chart.series.push_back({"a \"run\"", {}, line});
  chart.series[0].points = {{1, 0.2, 0.2, 0.2, "first & last"}, {2, 0.6, 0.5, 0.7, ""}, {3, 1.0, 1.0, 1.0, ""}};
  return chart;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) {
    ++n;
  }
  return n;
}

TEST(Chart, axes_are_round_numbers_around_the_data) {
  const ChartFrame frame(sample(false));
  EXPECT_DOUBLE_EQ(frame.x_low, 1.0);
  EXPECT_DOUBLE_EQ(frame.x_high, 3.0);
  EXPECT_DOUBLE_EQ(frame.y_low, 0.2);
  EXPECT_DOUBLE_EQ(frame.y_high, 1.0);
  ASSERT_EQ(frame.y_ticks.size(), 5U);
  EXPECT_DOUBLE_EQ(frame.y_ticks[1], 0.4);
  EXPECT_DOUBLE_EQ(frame.across(2.0), 0.5);
  EXPECT_DOUBLE_EQ(frame.up(0.4), 0.25);
  Chart one;
  one.series.push_back({"", {{7, 0.5, 0.5, 0.5, ""}}, false});
  const ChartFrame single(one);  // a single value has room around it
  EXPECT_LT(single.y_low, 0.5);
  EXPECT_GT(single.y_high, 0.5);
  const ChartFrame empty{Chart{}};
  EXPECT_LT(empty.x_low, empty.x_high);
}

TEST(Chart, svg_has_a_dot_per_point_and_escapes_texts) {
  const std::string svg = chart_svg(sample(false));
  EXPECT_EQ(count(svg, "<circle"), 3U);
  EXPECT_EQ(count(svg, "stroke-opacity"), 1U) << "one point has an error bar";
  EXPECT_THAT(svg, HasSubstr("<title>first &amp; last</title>"));
  EXPECT_THAT(svg, HasSubstr("cells &lt;&amp;&gt; more"));
  EXPECT_THAT(svg, HasSubstr("a &quot;run&quot;"));
  // The second point: halfway across 80..880; 0.6 is halfway between 0.2 and 1 of 500..50.
  EXPECT_THAT(svg, HasSubstr("cx=\"480.0\" cy=\"275.0\""));
  const std::string lines = chart_svg(sample(true));
  EXPECT_THAT(lines, HasSubstr("M80.0 500.0L480.0 275.0L880.0 50.0"));
  EXPECT_THAT(lines, HasSubstr("M80.0 500.0L480.0 218.8L880.0 50.0L880.0 50.0L480.0 331.2L80.0 500.0Z")) << "the band";
  EXPECT_THAT(lines, Not(HasSubstr("<circle")));
}

TEST(Chart, png_shows_dots_where_they_belong) {
  const std::vector<std::uint8_t> bytes = chart_png(sample(false));
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  ASSERT_NE(png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()), 0) << image.message;
  EXPECT_EQ(image.width, 1200U);
  EXPECT_EQ(image.height, 750U);
  image.format = PNG_FORMAT_RGB;
  std::vector<std::uint8_t> pixels(PNG_IMAGE_SIZE(image));
  ASSERT_NE(png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr), 0);
  const auto at = [&](std::size_t x, std::size_t y) {
    const std::uint8_t* p = pixels.data() + (y * 1200 + x) * 3;
    return Rgb{p[0], p[1], p[2]};
  };
  EXPECT_EQ(at(645, 365), shade_color(0.5));  // the middle of 110..1180 and 60..670
  EXPECT_EQ(at(1180, 60), shade_color(1.0));
  EXPECT_EQ(at(400, 700), (Rgb{255, 255, 255}));
}

TEST(Chart, text_fits_and_marks_points) {
  const Terminal plain{};
  const std::string text = chart_text(sample(false), plain, 40, 9);
  std::istringstream lines(text);
  std::vector<std::string> all;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(display_width(line), 40) << line;
    all.push_back(line);
  }
  ASSERT_EQ(all.size(), 12U) << "title, 9 rows, axis, legend";
  EXPECT_EQ(count(text, "*"), 3U + 2U) << "points, and the legend";
  EXPECT_EQ(all[1].back(), '*') << "the last point is in the upper right corner";
  EXPECT_EQ(all[9].find('*'), 9U) << "the first in the lower left one";
  const Terminal braille{.tty = false, .color = true, .utf8 = true};
  EXPECT_THAT(chart_text(sample(true), braille, 40, 9), testing::AllOf(HasSubstr("\033[38;5;"), HasSubstr("│")));
}

TEST(Chart, shades_run_from_dark_to_light) {
  const auto light = [](const Rgb& c) { return 0.3 * c[0] + 0.6 * c[1] + 0.1 * c[2]; };
  for (int i = 0; i < 20; ++i) {
    EXPECT_LT(light(shade_color(i / 20.0)), light(shade_color((i + 1) / 20.0)));
  }
  EXPECT_EQ(shade_color(-1.0), shade_color(0.0));
  EXPECT_EQ(shade_color(2.0), shade_color(1.0));
}

}  // namespace
}  // namespace bnas::cli
