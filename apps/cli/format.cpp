// SPDX-License-Identifier: Apache-2.0
#include "cli/format.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <sstream>

#include "cli/terminal.hpp"

namespace bnas::cli {
namespace {

/// Three significant digits, never in exponent form.
std::string three_digits(double value) {
  return fmt::format("{:.{}f}", value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
}

}  // namespace

std::string bytes_text(double bytes) {
  static constexpr const char* kUnits[] = {"KiB", "MiB", "GiB", "TiB"};
  if (bytes < 1024.0) {
    return fmt::format("{:.0f} B", bytes);
  }
  int unit = 0;
  for (bytes /= 1024.0; bytes >= 999.5 && unit < 3; ++unit) {
    bytes /= 1024.0;
  }
  return three_digits(bytes) + " " + kUnits[unit];
}

std::string count_text(double count) {
  static constexpr const char* kUnits[] = {"k", "M", "G", "T"};
  if (count < 999.5) {
    return fmt::format("{:.0f}", count);
  }
  int unit = 0;
  for (count /= 1000.0; count >= 999.5 && unit < 3; ++unit) {
    count /= 1000.0;
  }
  return three_digits(count) + " " + kUnits[unit];
}

std::string grouped(const std::string& digits) {
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    out += i > 0 && (digits.size() - i) % 3 == 0 ? "," : "";
    out += digits[i];
  }
  return out;
}

std::string clock_text(double seconds) {
  const auto total = static_cast<std::int64_t>(std::llround(std::max(0.0, seconds)));
  const std::int64_t hours = total / 3600;
  const std::int64_t minutes = total / 60 % 60;
  return hours > 0 ? fmt::format("{}:{:02}:{:02}", hours, minutes, total % 60)
                   : fmt::format("{}:{:02}", minutes, total % 60);
}

std::string about_text(double seconds) {
  if (seconds < 59.5) return fmt::format("{:.0f} s", std::max(1.0, seconds));
  if (seconds < 5400.0) return fmt::format("{:.0f} min", seconds / 60.0);
  if (seconds < 172'800.0) return fmt::format("{:.1f} h", seconds / 3600.0);
  return fmt::format("{:.1f} days", seconds / 86'400.0);
}

std::string percent_text(double fraction) { return fmt::format("{:.2f} %", 100.0 * fraction); }

std::string utc_text(double unix_seconds) {
  const std::time_t time = unix_seconds < 0.0 ? std::time(nullptr) : static_cast<std::time_t>(unix_seconds);
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(time));
}

std::string table_text(const std::vector<std::vector<std::string>>& rows, const std::vector<bool>& left) {
  std::vector<int> widths(left.size(), 0);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(row[i]));
    }
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string pad(static_cast<std::size_t>(widths[i] - display_width(row[i])), ' ');
      line += (i == 0 ? "" : "  ") + (left[i] ? row[i] + pad : pad + row[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string table_with_notes(const std::vector<std::vector<std::string>>& rows,
                             const std::function<std::string(std::size_t)>& note) {
  std::istringstream table(table_text(rows, std::vector<bool>(rows[0].size(), false)));
  std::string out;
  std::string line;
  for (std::size_t i = 0; std::getline(table, line); ++i) {
    out.append(line).append("\n");
    if (i > 0) {
      out.append(note(i - 1)).append("\n");
    }
  }
  return out;
}

/// Behind the next ", " of a list, or "|", "+" or "] " of a genotype.
static std::size_t end_of_item(const std::string& list, std::size_t begin) {
  for (std::size_t i = begin; i < list.size(); ++i) {
    if (list[i] == '|' || list[i] == '+') {
      return i + 1;
    }
    if (list.compare(i, 2, ", ") == 0 || list.compare(i, 2, "] ") == 0) {
      return i + 2;
    }
  }
  return list.size();
}

std::string wrapped_list(const std::string& list, std::size_t indent) {
  constexpr std::size_t kWidth = 79;
  std::string out;
  std::size_t column = indent;
  for (std::size_t begin = 0; begin < list.size();) {
    const std::size_t end = end_of_item(list, begin);
    if (column > indent && column + (end - begin) > kWidth + 1) {  // a trailing space may stand outside
      out.append("\n").append(indent, ' ');
      column = indent;
    }
    out.append(list, begin, end - begin);
    column += end - begin;
    begin = end;
  }
  return out;
}

}  // namespace bnas::cli
