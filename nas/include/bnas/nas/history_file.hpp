// SPDX-License-Identifier: Apache-2.0
// Reads train_history.csv and scores_<b>.csv: of bnas itself and of the two programs that inspired it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bnas/nas/search_space.hpp"

namespace bnas::nas {

/// A line: measured or predicted accuracy, then input and operation of each half of each block.
struct HistoryRow {
  double value = 0.0;
  Genotype cell;          ///< as written; operations index History::operators
  std::int64_t line = 0;  ///< 1-based, in the file
  std::int32_t run = 0;   ///< 0-based: files hold several runs one after the other
};

struct History {
  std::vector<std::string> operators;  ///< in order of first appearance, at most kMaxOperators
  std::vector<HistoryRow> rows;
  std::int32_t runs = 0;
};

/// Reads value,in1,op1,in2,op2,... per line: CRLF or LF, no header, blank lines skipped; names may hold spaces and may
/// be quoted (RFC 4180). A cell of one block after a larger one begins another run. A bad_data Error names file,
/// line and field for numbers that are none or not finite, blocks that are not whole, more than kMaxBlocks blocks or
/// kMaxOperators operations, names of control characters, lines above 16 KiB, and more than 20 million lines.
History read_history(const std::filesystem::path& file);
History parse_history(std::string_view text, const std::string& name);

/// Adds the rows of `more`, whose runs are counted on.
void append_history(History& history, const History& more);

/// The space of the rows: pnas where any reads the cell before (-1 or -2), else flat, where inputs mean nothing: the
/// programs that wrote such files let every operation read the cell's input. usage Error for a history without rows.
SpaceConfig space_of(const History& history);

/// Canonical cells of the rows, in their order. bad_data Error with the line for a row that is no cell of `space`.
std::vector<Genotype> cells_of(const History& history, const SearchSpace& space);
/// The same in place: for histories of millions of rows.
void canonicalize_rows(History& history, const SearchSpace& space);

}  // namespace bnas::nas
