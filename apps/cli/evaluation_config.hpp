// SPDX-License-Identifier: Apache-2.0
// Training the network of a genotype that a differentiable search found.
#pragma once

#include "bnas/nas/differentiable/evaluation_network.hpp"
#include "cli/config_file.hpp"

namespace bnas::cli {

/// Gives the keys that `origins` does not name the values with which the strategy's publication trains what it found,
/// for the data set that `evaluation` names.
void apply_evaluation_defaults(Config& config, const Origins& origins);

/// Whether a training keeps the option's value of the search that found its genotype: data, seed, and what its cells
/// are made of.
bool is_kept_from_search(const Config& search, const Option& option);

/// The network of a training with a differentiable strategy. usage Error for what cannot work.
nas::EvaluationConfig make_evaluation_config(const Config& config);

}  // namespace bnas::cli
