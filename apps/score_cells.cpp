// SPDX-License-Identifier: Apache-2.0
// bnas_score: predictions for all cells of a space.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "bnas/core/error.hpp"
#include "bnas/nas/cell_enumeration.hpp"
#include "bnas/nas/history.hpp"
#include "cli/exit_code.hpp"
#include "cli/format.hpp"
#include "saved_surrogate.hpp"
#include "score_commands.hpp"
#include "score_sources.hpp"

namespace bnas::cli {
namespace {

constexpr std::size_t kBatch = 8192;

nas::SurrogateRecord read_record(const ScoreArguments& arguments) {
  if (!arguments.histories.empty()) {
    const nas::History history = read_accuracies(arguments.histories);
    nas::SurrogateRecord record;
    record.config =
        surrogate_by_name(arguments.surrogates.empty() ? "blend" : arguments.surrogates.front(), arguments.seed);
    record.space = space_of(history);
    record.cells = cells_of(history, nas::SearchSpace(record.space));
    for (const nas::HistoryRow& row : history.rows) {
      record.rewards.push_back(row.value);
    }
    return record;
  }
  return read_surrogate(arguments.run);
}

/// Takes scored cells in generation order.
class Output {
 public:
  Output(const nas::SearchSpace& space, std::size_t top) : space_(space), top_(top) {}

  void add(std::vector<nas::ScoredCell> batch) {
    if (top_ == 0) {
      write(batch);
      return;
    }
    for (nas::ScoredCell& cell : batch) {  // heap_: the worst on top
      if (heap_.size() == top_ && !better(cell, heap_.front())) {
        continue;
      }
      heap_.push_back(std::move(cell));
      std::push_heap(heap_.begin(), heap_.end(), better);
      if (heap_.size() > top_) {
        std::pop_heap(heap_.begin(), heap_.end(), better);
        heap_.pop_back();
      }
    }
  }

  void finish() {
    std::sort_heap(heap_.begin(), heap_.end(), better);
    write(heap_);
  }

  bool failed() const { return std::ferror(stdout) != 0; }

 private:
  /// Higher score; among equals the cell that was generated first: the smaller one.
  static bool better(const nas::ScoredCell& a, const nas::ScoredCell& b) {
    if (a.score != b.score) return a.score > b.score;
    const std::size_t a_blocks = a.genotype.blocks.size();
    const std::size_t b_blocks = b.genotype.blocks.size();
    return a_blocks != b_blocks ? a_blocks < b_blocks : a.genotype < b.genotype;
  }

  void write(std::span<const nas::ScoredCell> cells) const {
    const std::string text = nas::scores_csv(cells, space_);
    std::fwrite(text.data(), 1, text.size(), stdout);
  }

  const nas::SearchSpace& space_;
  std::size_t top_;
  std::vector<nas::ScoredCell> heap_;
};

}  // namespace

int run_score_cells(const ScoreArguments& arguments) {
  if (arguments.json || arguments.surrogates.size() > 1) {
    throw Error(ErrorKind::usage, arguments.json ? "--json goes with --evaluate; scores are CSV"
                                                 : "one surrogate scores; several are compared by --evaluate");
  }
  nas::SurrogateRecord record = read_record(arguments);
  if (!arguments.surrogates.empty() && arguments.histories.empty()) {
    throw Error(ErrorKind::usage, "--surrogate goes with --history; a run's surrogate is what it was");
  }
  nas::SpaceConfig config = record.space;
  config.blocks = arguments.blocks == 0 ? config.blocks : static_cast<int>(arguments.blocks);
  config.operators = arguments.operators.empty() ? config.operators : arguments.operators;
  nas::require_compatible(record, config);
  const nas::SearchSpace space(config);
  const auto surrogate = nas::restore_surrogate(record, space, arguments.device);

  Output output(space, static_cast<std::size_t>(arguments.top));
  std::vector<nas::ScoredCell> batch;
  const auto score = [&] {
    std::vector<std::vector<std::int32_t>> tokens;
    tokens.reserve(batch.size());
    for (const nas::ScoredCell& cell : batch) {
      tokens.push_back(space.tokens(cell.genotype));
    }
    const std::vector<nas::Prediction> predictions = surrogate->predict(tokens);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      batch[i].score = predictions[i].mean;
    }
    output.add(std::move(batch));
    batch.clear();
  };
  for (int blocks = arguments.exactly ? config.blocks : 1; blocks <= config.blocks; ++blocks) {
    std::fprintf(stderr, "cells of %d block%s: %s\n", blocks, blocks == 1 ? "" : "s",
                 grouped(space.count_unique(blocks)).c_str());
    nas::for_each_cell(space, blocks, [&](const nas::Genotype& cell) {
      batch.push_back({cell, 0.0});
      if (batch.size() == kBatch) {
        score();
      }
      return !output.failed();  // the reader left, or its disk is full
    });
    if (!batch.empty()) {
      score();
    }
  }
  output.finish();
  return kSuccess;
}

}  // namespace bnas::cli
