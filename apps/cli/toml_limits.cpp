// SPDX-License-Identifier: Apache-2.0
#include "cli/toml_limits.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bnas/core/error.hpp"

namespace bnas::cli {
namespace {

constexpr int kMaxDepth = 16;

/// End of the string that opens at `at`: one past its closing quotes, or the end of the text or (one-line strings) of
/// the line, where the parser will complain.
std::size_t skip_string(std::string_view text, std::size_t at) {
  const char quote = text[at];
  const std::string triple(3, quote);
  const bool multi_line = text.substr(at, 3) == triple;
  for (std::size_t i = at + (multi_line ? 3 : 1); i < text.size(); ++i) {
    if (text[i] == '\\' && quote == '"') {
      ++i;
    } else if (multi_line && text.substr(i, 3) == triple) {
      return i + 3;
    } else if (!multi_line && (text[i] == quote || text[i] == '\n')) {
      return i + 1;
    }
  }
  return text.size();
}

}  // namespace

void check_toml_limits(std::string_view text, const std::string& name) {
  int brackets = 0;
  int dots = 0;  // of the key, or number, that is being read
  int line = 1;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c == '"' || c == '\'') {
      const std::size_t end = skip_string(text, i);
      line += static_cast<int>(std::count(text.begin() + static_cast<std::ptrdiff_t>(i),
                                          text.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
      i = end;
      continue;
    }
    if (c == '#') {
      i = std::min(text.find('\n', i), text.size());
      continue;
    }
    if (c == '[' || c == '{') {
      ++brackets;
    } else if ((c == ']' || c == '}') && brackets > 0) {
      --brackets;
    }
    if (c == '.') {
      ++dots;
    } else if (c == '=' || c == ',' || c == '[' || c == '{' || c == '\n') {
      dots = 0;
    }
    if (brackets > kMaxDepth || dots > kMaxDepth) {
      throw Error(ErrorKind::usage,
                  fmt::format("{}:{}: nested more than {} deep; no configuration needs that", name, line, kMaxDepth));
    }
    line += c == '\n' ? 1 : 0;
    ++i;
  }
}

}  // namespace bnas::cli
