// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <numeric>

#include "surrogate/model_parts.hpp"

namespace bnas::nas {
namespace {

using Tokens = std::vector<std::int32_t>;

Tensor to_ids(Stream& stream, const std::vector<std::int32_t>& ids) {
  return Tensor::from_host(stream, {static_cast<std::int64_t>(ids.size())}, std::span<const std::int32_t>(ids));
}

std::size_t common_prefix(const Tokens& a, const Tokens& b) {
  const std::size_t n = std::min(a.size(), b.size());
  return static_cast<std::size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(n), b.begin()).first - a.begin());
}

/// Scores cells that are sorted by tokens: cells with a common prefix stand together, so the tree of prefixes is read
/// off neighbours, one depth after the other.
void score_sorted(Stream& stream, const CellModel& model, std::span<const Tokens> cells,
                  std::span<const std::size_t> order, std::vector<float>& logits) {
  const std::size_t n = order.size();
  std::vector<std::size_t> shared(n, 0);  // tokens in common with the cell before
  std::size_t longest = cells[order[0]].size();
  for (std::size_t i = 1; i < n; ++i) {
    shared[i] = common_prefix(cells[order[i - 1]], cells[order[i]]);
    longest = std::max(longest, cells[order[i]].size());
  }
  CellModel::State state;
  std::vector<std::int32_t> prefix(n, 0);  // of each cell at the depth reached
  for (std::size_t depth = 0; depth < longest; ++depth) {
    std::vector<std::int32_t> parents;
    std::vector<std::int32_t> tokens;
    std::vector<std::int32_t> rows;
    std::vector<std::size_t> finished;
    for (std::size_t i = 0; i < n; ++i) {
      const Tokens& cell = cells[order[i]];
      if (cell.size() <= depth) {
        continue;
      }
      if (shared[i] <= depth) {
        parents.push_back(prefix[i]);
        tokens.push_back(cell[depth]);
      }
      prefix[i] = static_cast<std::int32_t>(tokens.size()) - 1;
      if (cell.size() == depth + 1) {
        rows.push_back(prefix[i]);
        finished.push_back(order[i]);
      }
    }
    state = model.advance(stream, state, static_cast<int>(depth), to_ids(stream, parents), to_ids(stream, tokens));
    if (!rows.empty()) {
      const int blocks = static_cast<int>(depth + 1) / kTokensPerBlock;
      const std::vector<float> values = model.finish(stream, state, to_ids(stream, rows), blocks).to_host(stream);
      for (std::size_t i = 0; i < finished.size(); ++i) {
        logits[finished[i]] = values[i];
      }
    }
  }
}

}  // namespace

std::vector<float> score_cells(Stream& stream, const CellModel& model, std::span<const Tokens> cells) {
  constexpr std::size_t kChunk = 1024;  // states of a chunk stay in a core's cache
  std::vector<std::size_t> order(cells.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return cells[i] < cells[j]; });
  std::vector<float> logits(cells.size());
  for (std::size_t begin = 0; begin < order.size(); begin += kChunk) {
    score_sorted(stream, model, cells, std::span(order).subspan(begin, std::min(kChunk, order.size() - begin)), logits);
  }
  return logits;
}

}  // namespace bnas::nas
