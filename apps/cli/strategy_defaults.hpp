// SPDX-License-Identifier: Apache-2.0
// The two families of strategies: those that train children, and those that train one supernet.
#pragma once

#include "bnas/nas/differentiable/search_config.hpp"
#include "cli/config_file.hpp"

namespace bnas::cli {

/// bnas, pc-darts, darts, cp-nas, abandit.
bool is_differentiable(const Config& config);

/// Refuses a directory with the run of a differentiable search, which trains one supernet and measures no children:
/// usage Error. Does nothing where there is no run.
void require_children(const std::filesystem::path& run);

/// Gives the keys that `origins` does not name the values of the strategy's publication, for a search or for a training
/// of what it found.
void apply_strategy_defaults(Config& config, const Origins& origins, Program program);

/// A usage Error for a key that the strategy does not read, given on the command line, or in `file` (may be empty) with
/// another value than its default: a run's own config.toml holds all keys. Files may hold what the other program reads,
/// a user's own defaults any key.
void refuse_idle_keys(const Config& config, const Origins& origins, const std::filesystem::path& file, Program program);

/// What is binary in cells, and how, in a search or in a training.
nas::CellStyle make_cell_style(const Config& config);

/// What batches of training images go through.
BatchRule make_batch_rule(const Config& config);

/// The search that a configuration with a differentiable strategy describes. usage Error for what cannot work.
nas::DifferentiableConfig make_differentiable_config(const Config& config);

}  // namespace bnas::cli
