// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bnas/nas/differentiable/cell_graph.hpp"

namespace bnas::nas {

/// One operation on every edge of both cell types.
using Selection = std::array<std::array<int, kCellEdges>, 2>;
/// A number for every operation of every edge; dead operations keep their last one.
using OperationScores = std::array<std::array<std::vector<double>, kCellEdges>, 2>;

enum class ReductionMethod : std::uint8_t {
  bnas,     ///< Chen et al. 2020, algorithm 1: half of the operations are tried, scores have a history
  cp_nas,   ///< Zhuo et al. 2020: all are tried, the mean of this round alone counts
  abandit,  ///< Chen et al. 2020: trials drawn by lower, removals by upper confidence bounds
  alpha,    ///< no trials: the smallest alpha goes
};

const char* reduction_method_name(ReductionMethod method);
/// "bnas", "cp-nas", "abandit" or "alpha"; else a `usage` Error with the nearest name.
ReductionMethod parse_reduction_method(std::string_view name);

struct ReductionConfig {
  ReductionMethod method = ReductionMethod::bnas;
  int passes = 3;                ///< T: how often an operation is tried in a round
  double score_scale = 1.0;      ///< multiplies accuracies, which are fractions, before the softmax
  bool try_both_at_two = false;  ///< bnas: with two operations left, one alone says nothing; this tries both
  double value_rate = 0.5;       ///< abandit: weight of a new accuracy in an operation's value
  std::uint64_t seed = 1;

  /// usage Error naming the key.
  void validate() const;
  std::string text() const;  ///< all of it in one line, for fingerprints
};

/// Shrinks the operations of every edge, one a round, by trials of networks with one operation per edge. A round is
/// begin_round(), then next_trial() and tell() until there is no trial left, then finish_round(). Pure: decisions are a
/// function of the configuration and of what it was told, all of which is in the journal.
class Reduction {
 public:
  Reduction(const ReductionConfig& config, int operations);
  virtual ~Reduction() = default;

  int left() const { return left_; }  ///< K: operations per edge
  bool done() const { return left_ == 1; }
  const Alive& alive() const { return alive_; }
  /// Scores as they stand; of the last round, these rank the edges.
  const OperationScores& scores() const { return scores_; }
  /// Score of the one operation left on every edge.
  std::array<std::array<double, kCellEdges>, 2> final_scores() const;

  /// Networks that a round with `left` operations per edge tries.
  virtual int planned_trials(int left) const = 0;

  void begin_round(const ArchitectureValues& values);
  /// The network to train and measure next; nothing when the round has had all of its trials.
  std::optional<Selection> next_trial();
  /// Score of the network that next_trial() gave: an accuracy as a fraction, or what is made of it.
  void tell(double score);
  /// Removes an operation from every edge and says which.
  Selection finish_round();

  /// One line of JSON per event: round (with the architecture parameters), trial, removal.
  const std::vector<std::string>& journal() const { return journal_; }

  /// A reduction of `operations` per edge, at its beginning.
  static std::unique_ptr<Reduction> make(const ReductionConfig& config, int operations);
  /// The same where the journal ends. A line that is damaged, or that decides other than this configuration does, is a
  /// `bad_data` Error naming it.
  static std::unique_ptr<Reduction> replay(const ReductionConfig& config, int operations,
                                           const std::vector<std::string>& journal);

 protected:
  /// The operation that trial number `trial` of this round has on an edge.
  virtual int draw(int trial, std::size_t cell, std::size_t edge) const = 0;
  /// Prepares an edge for the round.
  virtual void begin_edge(std::size_t cell, std::size_t edge) = 0;
  /// A trial with `operation` on an edge had `score`.
  virtual void tell_edge(std::size_t cell, std::size_t edge, int operation, double score) = 0;
  /// Writes scores(cell, edge) of the alive operations; the least goes.
  virtual void score_edge(std::size_t cell, std::size_t edge) = 0;

  const std::vector<int>& alive(std::size_t cell, std::size_t edge) const { return alive_[cell][edge]; }
  const std::vector<double>& alpha(std::size_t cell, std::size_t edge) const { return values_[cell].alpha[edge]; }
  std::vector<double>& scores(std::size_t cell, std::size_t edge) { return scores_[cell][edge]; }
  const ReductionConfig& config() const { return config_; }
  int round() const { return round_; }  ///< 1 for the first

 private:
  int least(std::size_t cell, std::size_t edge) const;

  ReductionConfig config_;
  Alive alive_;
  OperationScores scores_;
  ArchitectureValues values_;  // of the round
  int left_;
  int round_ = 0;
  int trial_ = 0;                   // of the round: told
  std::optional<Selection> asked_;  // and not yet told
  bool in_round_ = false;
  std::vector<std::string> journal_;
};

}  // namespace bnas::nas
