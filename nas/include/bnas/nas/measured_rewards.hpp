// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "bnas/nas/trial.hpp"

namespace bnas::nas {

/// A reward of a cell after a whole training, or after a part of it.
struct Measurement {
  const Genotype* cell = nullptr;
  int level = 1;
  bool whole = true;
  double reward = 0.0;
};

/// One reward for each cell, comparable with each other.
struct MeasuredRewards {
  std::vector<Genotype> cells;
  std::vector<double> rewards;
};

/// In order; where a cell was trained wholly, that reward; else that of its part plus what wholly trained cells of the
/// same level gained on average, at most 1.
MeasuredRewards comparable_rewards(std::span<const Measurement> measurements);

/// `own`, and behind it what an earlier run measured of cells that `own` lacks, brought to where the rewards of `own`
/// lie: by the mean and deviation of the cells of one block, which no prediction has chosen (of all cells where either
/// run has none). Few own cells are taken to lie like those of the earlier run.
MeasuredRewards with_earlier(MeasuredRewards own, const MeasuredRewards& earlier);

/// Epochs of a whole training: the most of any trial; 0 without trials.
int whole_epochs(const std::vector<Trial>& trials);

}  // namespace bnas::nas
