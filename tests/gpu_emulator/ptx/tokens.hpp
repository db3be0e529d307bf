// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ptx/types.hpp"

namespace bnas::emu {

struct Token {
  std::string text;
  int line = 0;
};

/// Splits PTX text: names and directives with their dots and colons, numbers with their sign, strings with their
/// quotes, and single characters. Comments vanish. Throws PtxError for an unterminated string or comment.
std::vector<Token> tokenize(std::string_view ptx);

/// A reading position in tokens; running past the end is a PtxError.
class TokenCursor {
 public:
  TokenCursor(const Token* begin, const Token* end) : at_(begin), end_(end) {}

  bool done() const { return at_ == end_; }
  /// The text at hand; empty at the end.
  const std::string& peek() const;
  const std::string& peek_second() const;
  bool is(std::string_view text) const { return peek() == text; }
  const std::string& next();
  bool accept(std::string_view text);
  void expect(std::string_view text);
  /// Skips everything up to and including `text`.
  void skip_past(std::string_view text);
  /// Skips what is left of a line, for directives that end with it.
  void skip_line(int line);
  int next_integer();
  int line() const { return at_ == end_ ? last_line_ : at_->line; }
  const Token* position() const { return at_; }

 private:
  const Token* at_;
  const Token* end_;
  int last_line_ = 0;
};

/// Does the text begin like a number? Names never do.
bool is_number(std::string_view text);

/// The bits of a literal for an operand of `bytes` (1 to 8): 0f and 0d literals and decimals are floating point and
/// converted to that width where `floating`, or where they have the form of a float. Throws PtxError.
u64 literal_bits(const std::string& text, int bytes, bool floating, int line);
s64 literal_integer(const std::string& text, int line);

}  // namespace bnas::emu
