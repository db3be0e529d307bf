// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/config.hpp"
#include "cli/train_arguments.hpp"

namespace bnas::cli {

/// The configuration of a new training, what it trains among it in canonical form. usage Error where that is not told,
/// or is of another kind than the strategy's; missing Error where a run has no such cell.
Config new_training(const TrainArguments& arguments);

}  // namespace bnas::cli
