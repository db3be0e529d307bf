// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/train_arguments.hpp"

namespace bnas::cli {

/// A new training, or one that --resume continues; its exit code.
int run_train_command(const TrainArguments& arguments);

}  // namespace bnas::cli
