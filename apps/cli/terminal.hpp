// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

namespace bnas::cli {

enum class Color : unsigned char { plain, bold, dim, red, green, yellow, cyan };

/// What one output stream can show.
struct Terminal {
  bool tty = false;  ///< repainting makes sense
  bool color = false;
  bool utf8 = false;

  /// By isatty, TERM, NO_COLOR (wins), CLICOLOR_FORCE or FORCE_COLOR, and the locale's variables.
  static Terminal detect(std::FILE* stream);
  /// For --no-color: all later detect() calls see no colour.
  static void forbid_color();
  /// Columns now, from COLUMNS or the terminal; 80 when unknown.
  int width(std::FILE* stream) const;

  std::string paint(std::string_view text, Color ink) const;
  /// `fraction` of `columns` filled.
  std::string bar(double fraction, int columns) const;
};

/// Columns that `text` takes on a screen: code points, without escape sequences.
int display_width(std::string_view text);
/// `text` cut to `columns`, escape sequences kept whole.
std::string fit(std::string_view text, int columns);
/// Control characters (escape sequences of a hostile name) replaced by '?'.
std::string escaped(std::string_view text);

}  // namespace bnas::cli
