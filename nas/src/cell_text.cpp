// SPDX-License-Identifier: Apache-2.0
// The seed notation of cells: "[-2, '3x3 bconv', 0, 'linear']".
#include <charconv>

#include "bnas/core/error.hpp"
#include "canonical.hpp"

namespace bnas::nas {
namespace {

/// In the seeds' flat cells the cell's input is the only input and is written 0.
bool writes_zero(const SpaceConfig& config) {
  return config.kind == SpaceKind::flat && config.look_back == 1 && config.look_forward == 0;
}

/// Reads one token after another; errors name the 1-based column.
class CellReader {
 public:
  explicit CellReader(std::string_view text) : text_(text) {}

  [[noreturn]] void fail(const std::string& what, std::size_t at) const {
    std::string shown(text_.substr(0, 120));
    for (char& c : shown) {
      c = c < ' ' || c > '~' ? '?' : c;
    }
    throw Error(ErrorKind::usage, "column " + std::to_string(at + 1) + " of cell \"" + shown +
                                      (text_.size() > 120 ? "...\": " : "\": ") + what);
  }
  [[noreturn]] void fail(const std::string& what) const { fail(what, at_); }

  std::size_t position() {
    skip_blanks();
    return at_;
  }
  bool accept(char wanted) {
    skip_blanks();
    const bool there = at_ < text_.size() && text_[at_] == wanted;
    at_ += there ? 1 : 0;
    return there;
  }
  void expect(char wanted) {
    if (!accept(wanted)) {
      fail(std::string("expected '") + wanted + "'");
    }
  }
  void expect_end() {
    skip_blanks();
    if (at_ != text_.size()) {
      fail("unexpected text after the cell");
    }
  }
  int integer() {
    skip_blanks();
    int value = 0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error != std::errc{}) {
      fail("expected an input, a whole number such as -1");
    }
    at_ = static_cast<std::size_t>(end - text_.data());
    return value;
  }
  std::string name() {
    skip_blanks();
    if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) {
      fail("expected an operation in quotes");
    }
    const std::size_t end = text_.find(text_[at_], at_ + 1);
    if (end == std::string_view::npos) {
      fail("this quote is not closed");
    }
    std::string found(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return found;
  }

 private:
  void skip_blanks() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::int8_t read_input(CellReader& reader, const SpaceConfig& config, int block) {
  const std::size_t at = reader.position();
  const int value = reader.integer();
  if (writes_zero(config)) {
    if (value != 0 && value != -1) {
      reader.fail("input " + std::to_string(value) + ": in this space every operation reads the cell's input, 0", at);
    }
    return -1;
  }
  const int last = config.look_forward == 0 ? -1 : block - 1;
  if (value < -config.look_back || value > last) {
    reader.fail("input " + std::to_string(value) + " of block " + std::to_string(block) + " is not between " +
                    std::to_string(-config.look_back) + " and " + std::to_string(last),
                at);
  }
  return static_cast<std::int8_t>(value);
}

std::uint8_t read_operation(CellReader& reader, const SpaceConfig& config) {
  const std::size_t at = reader.position();
  const std::string name = reader.name();
  for (std::size_t op = 0; op < config.operators.size(); ++op) {
    if (config.operators[op] == name) {
      return static_cast<std::uint8_t>(op);
    }
  }
  const std::string* first = config.operators.data();
  const std::string nearest = nearest_name(name, first, first + config.operators.size());
  std::string hint = "; did you mean '" + nearest + "'?";
  if (nearest.empty()) {
    hint = "; known are";
    for (const std::string& known : config.operators) {
      hint += (known == config.operators.front() ? " '" : ", '") + known + "'";
    }
  }
  reader.fail("operation '" + name.substr(0, 64) + "' is not in this space" + hint, at);
}

}  // namespace

std::string SearchSpace::text(const Genotype& g) const {
  require_cell(g);
  const auto input = [this](std::int8_t in) { return std::to_string(writes_zero(config_) ? 0 : static_cast<int>(in)); };
  std::string result;
  for (const Block& b : g.blocks) {
    result += result.empty() ? "[" : ", ";
    result +=
        input(b.in0) + ", '" + config_.operators[b.op0] + "', " + input(b.in1) + ", '" + config_.operators[b.op1] + "'";
  }
  return result + "]";
}

Genotype SearchSpace::parse(std::string_view text) const {
  CellReader reader(text);
  Genotype g;
  reader.expect('[');
  do {
    const auto block = static_cast<int>(g.blocks.size());
    if (block == config_.blocks) {
      reader.fail("the cell has more than the " + std::to_string(config_.blocks) + " blocks of this space");
    }
    Block b;
    b.in0 = read_input(reader, config_, block);
    reader.expect(',');
    b.op0 = read_operation(reader, config_);
    reader.expect(',');
    b.in1 = read_input(reader, config_, block);
    reader.expect(',');
    b.op1 = read_operation(reader, config_);
    g.blocks.push_back(b);
  } while (reader.accept(','));
  reader.expect(']');
  reader.expect_end();
  static_cast<void>(canonical(g));  // refuses what a look-forward limit leaves no order for
  return g;
}

}  // namespace bnas::nas
