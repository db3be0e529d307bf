// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.hpp"

#include <gtest/gtest.h>

#include <cstdlib>

#include "cli/format.hpp"

namespace bnas::cli {
namespace {

/// Sets variables of the environment for one test; "" removes them.
class Variables {
 public:
  Variables(std::initializer_list<std::pair<const char*, const char*>> values) {
    for (const char* name : kNames) {
      unsetenv(name);
    }
    for (const auto& [name, value] : values) {
      setenv(name, value, 1);
    }
  }
  ~Variables() {
    for (const char* name : kNames) {
      unsetenv(name);
    }
  }

 private:
  static constexpr const char* kNames[] = {"NO_COLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "TERM",
                                           "LC_ALL",   "LC_CTYPE",       "LANG",        "COLUMNS"};
};

TEST(Terminal, color_follows_the_variables_where_no_terminal_is) {
  // stderr of a test may be a terminal; a file never is.
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  const auto color = [&](std::initializer_list<std::pair<const char*, const char*>> values) {
    const Variables variables(values);
    return Terminal::detect(file).color;
  };
  EXPECT_FALSE(color({}));
  EXPECT_TRUE(color({{"CLICOLOR_FORCE", "1"}}));
  EXPECT_TRUE(color({{"FORCE_COLOR", "1"}}));
  EXPECT_FALSE(color({{"CLICOLOR_FORCE", "0"}}));
  EXPECT_FALSE(color({{"CLICOLOR_FORCE", "1"}, {"NO_COLOR", "1"}}));
  EXPECT_TRUE(color({{"CLICOLOR_FORCE", "1"}, {"NO_COLOR", ""}}));
  std::fclose(file);
}

TEST(Terminal, locale_decides_the_bars) {
  const auto utf8 = [](std::initializer_list<std::pair<const char*, const char*>> values) {
    const Variables variables(values);
    return Terminal::detect(stderr).utf8;
  };
  EXPECT_FALSE(utf8({}));
  EXPECT_TRUE(utf8({{"LANG", "de_DE.UTF-8"}}));
  EXPECT_TRUE(utf8({{"LC_ALL", "C.utf8"}}));
  EXPECT_FALSE(utf8({{"LC_ALL", "C"}, {"LANG", "de_DE.UTF-8"}}));
  const Terminal plain{};
  const Terminal rich{.tty = true, .color = true, .utf8 = true};
  EXPECT_EQ(plain.bar(0.5, 6), "###...");
  EXPECT_EQ(rich.bar(0.5, 6), "███░░░");
  EXPECT_EQ(plain.bar(-1.0, 2), "..");
  EXPECT_EQ(plain.bar(2.0, 2), "##");
  EXPECT_EQ(plain.paint("x", Color::red), "x");
  EXPECT_EQ(rich.paint("x", Color::red), "\033[31mx\033[0m");
}

TEST(Terminal, width_comes_from_columns_first) {
  const Variables variables({{"COLUMNS", "47"}});
  EXPECT_EQ(Terminal{}.width(stderr), 47);
}

TEST(Terminal, width_of_text_ignores_escapes_and_counts_code_points) {
  EXPECT_EQ(display_width(""), 0);
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("█░"), 2);
  EXPECT_EQ(display_width("\033[31mred\033[0m"), 3);
  EXPECT_EQ(fit("abcdef", 3), "abc");
  EXPECT_EQ(fit("█░█", 2), "█░");
  EXPECT_EQ(fit("\033[31mred\033[0m", 2), "\033[31mre\033[0m");
  EXPECT_EQ(fit("\033[", 5), "\033[");  // a cut sequence must not read past the end
  EXPECT_EQ(escaped("a\033[2Jb\n\x7f"), "a?[2Jb??");
}

TEST(Format, numbers_have_three_digits) {
  EXPECT_EQ(bytes_text(0), "0 B");
  EXPECT_EQ(bytes_text(1023), "1023 B");
  EXPECT_EQ(bytes_text(1024), "1.00 KiB");
  EXPECT_EQ(bytes_text(639631), "625 KiB");
  EXPECT_EQ(bytes_text(1023.9 * 1024), "1.00 MiB");
  EXPECT_EQ(bytes_text(1.5 * 1024 * 1024 * 1024), "1.50 GiB");
  EXPECT_EQ(count_text(981), "981");
  EXPECT_EQ(count_text(1000), "1.00 k");
  EXPECT_EQ(count_text(41'300'000), "41.3 M");
  EXPECT_EQ(count_text(999'700), "1.00 M");
  EXPECT_EQ(grouped("7"), "7");
  EXPECT_EQ(grouped("136"), "136");
  EXPECT_EQ(grouped("10979688"), "10,979,688");
  EXPECT_EQ(percent_text(0.8842), "88.42 %");
}

TEST(Format, times) {
  EXPECT_EQ(clock_text(7.4), "0:07");
  EXPECT_EQ(clock_text(4360), "1:12:40");
  EXPECT_EQ(clock_text(-3), "0:00");
  EXPECT_EQ(about_text(0.2), "1 s");
  EXPECT_EQ(about_text(720), "12 min");
  EXPECT_EQ(about_text(12240), "3.4 h");
  EXPECT_EQ(about_text(200000), "2.3 days");
  EXPECT_EQ(utc_text(1795309980), "2026-11-22T01:13:00Z");
}

TEST(Format, tables_align) {
  EXPECT_EQ(table_text({{"rank", "cell"}, {"1", "a"}, {"10", "bc"}}, {false, true}),
            "rank  cell\n"
            "   1  a\n"
            "  10  bc\n");
}

}  // namespace
}  // namespace bnas::cli
