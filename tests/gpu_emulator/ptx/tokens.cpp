// SPDX-License-Identifier: Apache-2.0
#include "ptx/tokens.hpp"

#include <bit>
#include <cctype>
#include <charconv>
#include <cstdlib>

#include "ptx/module.hpp"

namespace bnas::emu {
namespace {

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool is_alnum(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }
bool in_name(char c) { return is_alnum(c) || c == '_' || c == '$' || c == '.'; }

class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text) : text_(text) {}

  std::vector<Token> run() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        ++line_;
        ++at_;
      } else if (std::isspace(static_cast<unsigned char>(c)) != 0) {
        ++at_;
      } else if (c == '/' && look(1) == '/') {
        while (at_ < text_.size() && text_[at_] != '\n') {
          ++at_;
        }
      } else if (c == '/' && look(1) == '*') {
        comment();
      } else {
        token(c);
      }
    }
    return std::move(tokens_);
  }

 private:
  char look(std::size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  void comment() {
    const std::size_t end = text_.find("*/", at_ + 2);
    if (end == std::string_view::npos) {
      throw PtxError(line_, "comment without end");
    }
    for (; at_ < end; ++at_) {
      line_ += text_[at_] == '\n' ? 1 : 0;
    }
    at_ = end + 2;
  }

  void token(char first) {
    const std::size_t begin = at_++;
    if (first == '"') {
      while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\n') {
        at_ += text_[at_] == '\\' ? 2 : 1;
      }
      if (at_ >= text_.size() || text_[at_] != '"') {
        throw PtxError(line_, "string without end");
      }
      ++at_;
    } else if (is_digit(first) || (first == '-' && is_digit(look(0)))) {
      while (is_alnum(look(0)) || look(0) == '.') {
        ++at_;
      }
    } else if (in_name(first) || first == '%') {
      // A double colon belongs to the name, as in .shared::cta; a single one ends a label.
      while (in_name(look(0)) || (look(0) == ':' && (look(1) == ':' || text_[at_ - 1] == ':'))) {
        ++at_;
      }
    }
    tokens_.push_back({std::string(text_.substr(begin, at_ - begin)), line_});
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int line_ = 1;
  std::vector<Token> tokens_;
};

const std::string kNothing;

u64 parse_hex(std::string_view digits, const std::string& whole, int line) {
  u64 value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    throw PtxError(line, "not a number: '" + whole + "'");
  }
  return value;
}

u64 parse_integer(std::string_view digits, const std::string& whole, int line) {
  if (digits.ends_with('U')) {
    digits.remove_suffix(1);
  }
  int base = 10;
  if (digits.size() > 1 && digits[0] == '0') {
    const char kind = digits[1];
    base = kind == 'x' || kind == 'X' ? 16 : kind == 'b' || kind == 'B' ? 2 : 8;
    digits.remove_prefix(base == 8 ? 1 : 2);
  }
  u64 value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    throw PtxError(line, "not a number: '" + whole + "'");
  }
  return value;
}

/// The bits of a float or double for an operand of `bytes`.
u64 float_bits(double value, int bytes) {
  return bytes == 8 ? std::bit_cast<u64>(value) : std::bit_cast<u32>(static_cast<float>(value));
}

}  // namespace

std::vector<Token> tokenize(std::string_view ptx) { return Tokenizer(ptx).run(); }

const std::string& TokenCursor::peek() const { return at_ == end_ ? kNothing : at_->text; }

const std::string& TokenCursor::peek_second() const { return at_ == end_ || at_ + 1 == end_ ? kNothing : at_[1].text; }

const std::string& TokenCursor::next() {
  if (at_ == end_) {
    throw PtxError(last_line_, "the text ends too early");
  }
  last_line_ = at_->line;
  return (at_++)->text;
}

bool TokenCursor::accept(std::string_view text) {
  if (!is(text)) {
    return false;
  }
  next();
  return true;
}

void TokenCursor::expect(std::string_view text) {
  if (!accept(text)) {
    throw PtxError(line(), "expected '" + std::string(text) + "', found '" + peek() + "'");
  }
}

void TokenCursor::skip_past(std::string_view text) {
  while (next() != text) {
  }
}

void TokenCursor::skip_line(int line) {
  while (!done() && at_->line == line) {
    next();
  }
}

int TokenCursor::next_integer() {
  const int here = line();
  return static_cast<int>(literal_integer(next(), here));
}

bool is_number(std::string_view text) {
  return !text.empty() && (is_digit(text[0]) || (text[0] == '-' && text.size() > 1));
}

u64 literal_bits(const std::string& text, int bytes, bool floating, int line) {
  std::string_view digits = text;
  const bool negative = digits.starts_with('-');
  if (negative) {
    digits.remove_prefix(1);
  }
  const char kind = digits.size() > 1 && digits[0] == '0' ? digits[1] : '\0';
  if (kind == 'f' || kind == 'F') {
    const u32 bits = static_cast<u32>(parse_hex(digits.substr(2), text, line)) ^ (negative ? 0x80000000U : 0U);
    return bytes == 8 ? std::bit_cast<u64>(static_cast<double>(std::bit_cast<float>(bits))) : bits;
  }
  if (kind == 'd' || kind == 'D') {
    const u64 bits = parse_hex(digits.substr(2), text, line) ^ (negative ? u64{1} << 63 : 0);
    return bytes == 8 ? bits : std::bit_cast<u32>(static_cast<float>(std::bit_cast<double>(bits)));
  }
  const bool hex = kind == 'x' || kind == 'X';
  if (!hex && (floating || digits.find('.') != std::string_view::npos)) {
    char* end = nullptr;
    const double value = std::strtod(text.c_str(), &end);
    if (end != text.c_str() + text.size()) {
      throw PtxError(line, "not a number: '" + text + "'");
    }
    return float_bits(value, bytes);
  }
  const u64 value = parse_integer(digits, text, line);
  return negative ? ~value + 1 : value;
}

s64 literal_integer(const std::string& text, int line) { return static_cast<s64>(literal_bits(text, 8, false, line)); }

}  // namespace bnas::emu
