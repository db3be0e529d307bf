// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/representation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "bnas/core/error.hpp"

namespace bnas::nas {
namespace {

constexpr std::size_t kMaxEntries = 1024;  // of a vector; no space has as many

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorKind::usage, "representation: " + what); }

/// Reads "[[ numbers ]]" one after another.
class VectorReader {
 public:
  explicit VectorReader(std::string_view text) : text_(text) {}

  bool at_end() {
    skip_blanks();
    return at_ == text_.size();
  }

  std::vector<double> next() {
    ++count_;
    expect('[');
    expect('[');
    std::vector<double> entries;
    while (!accept(']')) {
      entries.push_back(number());
      if (entries.size() > kMaxEntries) {
        fail(fmt::format("more than {} entries", kMaxEntries));
      }
    }
    expect(']');
    return entries;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    refuse(fmt::format("column {}, in vector {}: {}", at_ + 1, count_, what));
  }
  void skip_blanks() { at_ = std::min(text_.find_first_not_of(" \t\r\n,", at_), text_.size()); }
  bool accept(char wanted) {
    skip_blanks();
    const bool there = at_ < text_.size() && text_[at_] == wanted;
    at_ += there ? 1 : 0;
    return there;
  }
  void expect(char wanted) {
    if (!accept(wanted)) {
      fail(fmt::format("expected '{}'", wanted));
    }
  }
  double number() {
    skip_blanks();
    double value = 0.0;
    const auto [end, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), value);
    if (error != std::errc{} || !std::isfinite(value)) {
      fail("expected a number or ']'");
    }
    at_ = static_cast<std::size_t>(end - text_.data());
    return value;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int count_ = 0;
};

/// The place of the positive entry. `what` names the vector: "vector 3 (second input of block 0)".
int place_of(const std::vector<double>& entries, std::size_t expected, const std::string& what, const char* of_what) {
  if (entries.size() != expected) {
    refuse(fmt::format("{} has {} entries, expected {}, {}", what, entries.size(), expected, of_what));
  }
  const auto positive = [](double x) { return x > 0.0; };
  const auto count = std::count_if(entries.begin(), entries.end(), positive);
  const bool negative = std::any_of(entries.begin(), entries.end(), [](double x) { return x < 0.0; });
  if (count != 1 || negative) {
    refuse(fmt::format("{} must have one positive entry and zeros, found {} positive{}", what, count,
                       negative ? " and a negative one" : ""));
  }
  return static_cast<int>(std::find_if(entries.begin(), entries.end(), positive) - entries.begin());
}

std::int8_t input_of(int place, const SearchSpace& space, int block, const std::string& what) {
  const SpaceConfig& config = space.config();
  const int input = place - config.look_back;  // from the farthest cell on
  const int last = config.look_forward == 0 ? -1 : block - 1;
  if (input > last) {
    refuse(fmt::format("{} names input {}, but block {} of this space reads inputs 1 to {} of its vector", what,
                       place + 1, block, last + config.look_back + 1));
  }
  return static_cast<std::int8_t>(input);
}

/// Without what stands around it in an architectures text: "Representation String: " and quotation marks.
std::string_view bare(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  constexpr std::string_view kLabel = "Representation String:";
  const auto trim = [&] {
    text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
    text = text.substr(0, text.find_last_not_of(kBlanks) + 1);
  };
  trim();
  if (text.starts_with(kLabel)) {
    text.remove_prefix(kLabel.size());
    trim();
  }
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    text = text.substr(1, text.size() - 2);
  }
  return text;
}

}  // namespace

Genotype parse_representation(std::string_view text, const SearchSpace& space) {
  const SpaceConfig& config = space.config();
  const auto inputs = static_cast<std::size_t>(std::max(config.blocks, space.input_tokens()));
  VectorReader reader(bare(text));
  Genotype genotype;
  int vector = 0;
  while (!reader.at_end()) {
    const auto block = static_cast<int>(genotype.blocks.size());
    if (block == config.blocks) {
      refuse(fmt::format("vector {} begins block {}, but cells of this space have at most {} blocks", vector + 1, block,
                         config.blocks));
    }
    const auto half = [&](const char* which) -> std::pair<std::int8_t, std::uint8_t> {
      const auto name = [&](const char* kind) {
        ++vector;
        if (reader.at_end()) {
          refuse(fmt::format("vector {} ({} {} of block {}) is missing: a block has four", vector, which, kind, block));
        }
        return fmt::format("vector {} ({} {} of block {})", vector, which, kind, block);
      };
      const std::string input_name = name("input");
      const int input = place_of(reader.next(), inputs, input_name, "one per block that a cell may have");
      const std::string operation_name = name("operation");
      const int operation =
          place_of(reader.next(), config.operators.size(), operation_name, "one per operator of the space");
      return {input_of(input, space, block, input_name), static_cast<std::uint8_t>(operation)};
    };
    const auto [in0, op0] = half("first");
    const auto [in1, op1] = half("second");
    genotype.blocks.push_back({in0, op0, in1, op1});
  }
  if (genotype.blocks.empty()) {
    refuse("no vectors; it looks like \"[[1. 0. 0.]] [[0. 0. 0. 4.]] [[1. 0. 0.]] [[0. 2. 0. 0.]]\"");
  }
  static_cast<void>(space.canonical(genotype));  // refuses what a look-forward limit leaves no order for
  return genotype;
}

}  // namespace bnas::nas
