// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/history_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "bnas/core/error.hpp"
#include "bnas/core/io/file.hpp"

namespace bnas::nas {
namespace {

constexpr std::size_t kMaxLine = 16 * 1024;
constexpr std::int64_t kMaxLines = 20'000'000;
constexpr std::size_t kMaxName = 128;

/// Takes a file line by line.
class HistoryParser {
 public:
  explicit HistoryParser(std::string name) : name_(std::move(name)) {}

  void line(std::string_view text) {
    ++line_;
    if (line_ > kMaxLines) {
      fail(fmt::format("the file has more than {} lines", kMaxLines));
    }
    if (text.ends_with('\r')) {
      text.remove_suffix(1);
    }
    if (line_ == 1 && text.starts_with("\xEF\xBB\xBF")) {  // a byte order mark that some editors leave
      text.remove_prefix(3);
    }
    if (text.find_first_not_of(" \t") == std::string_view::npos) {
      return;
    }
    split(text);
    row();
  }

  [[noreturn]] void fail(const std::string& what) const {
    throw Error(ErrorKind::bad_data, fmt::format("{}:{}: {}", name_, line_, what));
  }
  [[noreturn]] void too_long() {
    ++line_;
    fail(fmt::format("the line is longer than {} bytes; is this a history file?", kMaxLine));
  }

  History take() { return std::move(history_); }

 private:
  static std::string shown(std::string_view text) {
    std::string out(text.substr(0, 40));
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return "'" + out + (text.size() > 40 ? "...'" : "'");
  }
  [[noreturn]] void fail_field(std::size_t index, const std::string& wanted) const {
    fail(fmt::format("field {} is {}, not {}", index + 1, shown(fields_[index]), wanted));
  }

  void split(std::string_view text) {
    fields_.clear();
    for (std::size_t at = 0; at <= text.size();) {
      std::string field;
      if (at < text.size() && text[at] == '"') {
        for (++at;; ++at) {
          if (at >= text.size()) {
            fail("a quote is not closed");
          }
          if (text[at] != '"') {
            field += text[at];
          } else if (at + 1 < text.size() && text[at + 1] == '"') {
            field += text[++at];
          } else {
            break;
          }
        }
        ++at;
        if (at < text.size() && text[at] != ',') {
          fail("text follows a closing quote");
        }
      } else {
        const std::size_t comma = std::min(text.find(',', at), text.size());
        field = text.substr(at, comma - at);
        at = comma;
      }
      fields_.push_back(std::move(field));
      ++at;
    }
  }

  std::string_view trimmed(std::size_t index) const {
    std::string_view text = fields_[index];
    const std::size_t first = text.find_first_not_of(" \t");
    return first == std::string_view::npos ? std::string_view()
                                           : text.substr(first, text.find_last_not_of(" \t") - first + 1);
  }

  template <class T>
  bool number(std::size_t index, T& value) const {
    const std::string_view text = trimmed(index);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() && !text.empty();
  }

  void row() {
    constexpr std::size_t kPerBlock = 4;
    if (fields_.size() < 1 + kPerBlock || (fields_.size() - 1) % kPerBlock != 0 ||
        (fields_.size() - 1) / kPerBlock > kMaxBlocks) {
      fail(fmt::format("{} fields; expected a value and input, operation, input, operation for each of 1 to {} blocks",
                       fields_.size(), kMaxBlocks));
    }
    HistoryRow row;
    row.line = line_;
    if (!number(0, row.value) || !std::isfinite(row.value)) {
      fail_field(0, line_ == 1 ? "a number; a history has no line of headings" : "a number");
    }
    for (std::size_t i = 1; i < fields_.size(); i += kPerBlock) {
      row.cell.blocks.push_back({input(i), operation(i + 1), input(i + 2), operation(i + 3)});
    }
    const bool starts =
        row.cell.blocks.size() == 1 && (history_.rows.empty() || history_.rows.back().cell.blocks.size() > 1);
    history_.runs += starts || history_.rows.empty() ? 1 : 0;
    row.run = history_.runs - 1;
    history_.rows.push_back(std::move(row));
  }

  std::int8_t input(std::size_t index) const {
    int value = 0;
    if (!number(index, value) || value < -kMaxLookBack || value >= kMaxBlocks) {
      fail_field(index, fmt::format("an input between {} and {}", -kMaxLookBack, kMaxBlocks - 1));
    }
    return static_cast<std::int8_t>(value);
  }

  std::uint8_t operation(std::size_t index) {
    const std::string name(trimmed(index));
    if (name.empty() || name.size() > kMaxName ||
        std::any_of(name.begin(), name.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; })) {
      fail_field(index, "the name of an operation");
    }
    auto& known = history_.operators;
    const auto at = std::find(known.begin(), known.end(), name);
    if (at == known.end()) {
      if (known.size() == kMaxOperators) {
        fail(fmt::format("operation {} is one more than the {} that a space may have", shown(name), kMaxOperators));
      }
      known.push_back(name);
      return static_cast<std::uint8_t>(known.size() - 1);
    }
    return static_cast<std::uint8_t>(at - known.begin());
  }

  std::string name_;
  std::int64_t line_ = 0;
  std::vector<std::string> fields_;
  History history_;
};

/// Gives `parser` the complete lines of `text` and returns the rest.
std::string_view feed(HistoryParser& parser, std::string_view text) {
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    if (end > kMaxLine) {
      parser.too_long();
    }
    parser.line(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  if (text.size() > kMaxLine) {
    parser.too_long();
  }
  return text;
}

}  // namespace

History parse_history(std::string_view text, const std::string& name) {
  HistoryParser parser(name);
  if (const std::string_view rest = feed(parser, text); !rest.empty()) {
    parser.line(rest);
  }
  return parser.take();
}

History read_history(const std::filesystem::path& file) {
  InputFile input(file);
  HistoryParser parser(file.string());
  std::vector<std::uint8_t> buffer(256 * 1024);
  std::string text;  // never longer than a buffer and a line
  for (std::size_t n = input.read(buffer); n > 0; n = input.read(buffer)) {
    text.append(reinterpret_cast<const char*>(buffer.data()), n);
    text = std::string(feed(parser, text));
  }
  if (!text.empty()) {
    parser.line(text);
  }
  return parser.take();
}

void append_history(History& history, const History& more) {
  std::vector<std::uint8_t> index;  // of more's operators among history's
  for (const std::string& name : more.operators) {
    const auto at = std::find(history.operators.begin(), history.operators.end(), name);
    index.push_back(static_cast<std::uint8_t>(at - history.operators.begin()));
    if (at == history.operators.end()) {
      if (history.operators.size() == kMaxOperators) {
        throw Error(ErrorKind::bad_data,
                    fmt::format("the histories together have more than {} operations", kMaxOperators));
      }
      history.operators.push_back(name);
    }
  }
  history.rows.reserve(history.rows.size() + more.rows.size());
  for (HistoryRow row : more.rows) {
    for (Block& b : row.cell.blocks) {
      b.op0 = index[b.op0];
      b.op1 = index[b.op1];
    }
    row.run += history.runs;
    history.rows.push_back(std::move(row));
  }
  history.runs += more.runs;
}

SpaceConfig space_of(const History& history) {
  if (history.rows.empty()) {
    throw Error(ErrorKind::usage, "the history is empty: no line with a cell");
  }
  std::size_t blocks = 1;
  int nearest = 0;
  for (const HistoryRow& row : history.rows) {
    blocks = std::max(blocks, row.cell.blocks.size());
    for (const Block& b : row.cell.blocks) {
      nearest = std::min({nearest, static_cast<int>(b.in0), static_cast<int>(b.in1)});
    }
  }
  if (nearest == 0) {
    return SpaceConfig::flat(history.operators, static_cast<int>(blocks));
  }
  SpaceConfig space = SpaceConfig::pnas(history.operators, static_cast<int>(blocks));
  space.look_back = -nearest;
  return space;
}

namespace {

Genotype canonical_cell(const HistoryRow& row, const SearchSpace& space) {
  Genotype cell = row.cell;
  if (space.config().kind == SpaceKind::flat) {
    for (Block& b : cell.blocks) {
      b.in0 = b.in1 = -1;
    }
  }
  try {
    return space.canonical(cell);
  } catch (const Error& error) {
    throw Error(ErrorKind::bad_data, fmt::format("line {} of the history: {}", row.line, error.what()));
  }
}

}  // namespace

std::vector<Genotype> cells_of(const History& history, const SearchSpace& space) {
  std::vector<Genotype> cells;
  cells.reserve(history.rows.size());
  for (const HistoryRow& row : history.rows) {
    cells.push_back(canonical_cell(row, space));
  }
  return cells;
}

void canonicalize_rows(History& history, const SearchSpace& space) {
  for (HistoryRow& row : history.rows) {
    row.cell = canonical_cell(row, space);
  }
}

}  // namespace bnas::nas
