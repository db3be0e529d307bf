// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "bnas/nas/trial.hpp"
#include "cli/terminal.hpp"

namespace bnas::cli {

/// "repeat,epoch,learning_rate,train_loss,train_accuracy,valid_accuracy", then a line per epoch of each trial; numbers
/// read back to the same bits. What was not measured is empty.
std::string curve_csv(const std::vector<nas::Trial>& trials);

/// Training and validation accuracy over the epochs of one trial, in at most `columns` columns; "" of no epochs.
std::string curve_plot(const nas::Trial& trial, const Terminal& terminal, int columns);

}  // namespace bnas::cli
