// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cmath>
#include <cstdlib>

namespace bnas::cli {
namespace {

std::atomic<bool> color_forbidden{false};

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool utf8_locale() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {  // the order in which POSIX looks
    std::string value = variable(name);
    if (!value.empty()) {
      std::transform(value.begin(), value.end(), value.begin(), [](unsigned char c) { return std::tolower(c); });
      return value.find("utf-8") != std::string::npos || value.find("utf8") != std::string::npos;
    }
  }
  return false;
}

/// Bytes of the unit at `at`: an escape sequence (columns 0) or one code point (columns 1).
std::size_t unit(std::string_view text, std::size_t at, int& columns) {
  std::size_t end = at + 1;
  if (text[at] == '\033' && end < text.size() && text[end] == '[') {
    columns = 0;
    for (++end; end < text.size() && (text[end] < '@' || text[end] > '~');) ++end;
    return std::min(end + 1, text.size()) - at;
  }
  columns = 1;
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) ++end;
  return end - at;
}

}  // namespace

Terminal Terminal::detect(std::FILE* stream) {
  Terminal out;
  const bool dumb = variable("TERM") == "dumb";
  const bool is_tty = isatty(fileno(stream)) == 1;
  out.tty = is_tty && !dumb;
  const bool forced = (!variable("CLICOLOR_FORCE").empty() && variable("CLICOLOR_FORCE") != "0") ||
                      (!variable("FORCE_COLOR").empty() && variable("FORCE_COLOR") != "0");
  out.color = (out.tty || forced) && variable("NO_COLOR").empty() && !color_forbidden;
  out.utf8 = utf8_locale();
  return out;
}

void Terminal::forbid_color() { color_forbidden = true; }

int Terminal::width(std::FILE* stream) const {
  const int columns = std::atoi(variable("COLUMNS").c_str());
  winsize size{};
  if (columns <= 0 && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    return size.ws_col;
  }
  return columns > 0 ? columns : 80;
}

std::string Terminal::paint(std::string_view text, Color ink) const {
  if (!color || ink == Color::plain) {
    return std::string(text);
  }
  static constexpr const char* kCodes[] = {"0", "1", "2", "31", "32", "33", "36"};
  return "\033[" + std::string(kCodes[static_cast<int>(ink)]) + "m" + std::string(text) + "\033[0m";
}

std::string Terminal::bar(double fraction, int columns) const {
  const int full = static_cast<int>(std::lround(std::clamp(fraction, 0.0, 1.0) * columns));
  std::string out;
  for (int i = 0; i < columns; ++i) {
    out += i < full ? (utf8 ? "█" : "#") : (utf8 ? "░" : ".");
  }
  return out;
}

int display_width(std::string_view text) {
  int total = 0;
  int columns = 0;
  for (std::size_t at = 0; at < text.size(); at += unit(text, at, columns), total += columns) {
  }
  return total;
}

std::string fit(std::string_view text, int columns) {
  std::string out;
  int used = 0;
  int wide = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t bytes = unit(text, at, wide);
    if (used + wide <= columns) {
      out += text.substr(at, bytes);
      used += wide;
    }
    at += bytes;
  }
  return out;
}

std::string escaped(std::string_view text) {
  std::string out(text);
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
  return out;
}

}  // namespace bnas::cli
