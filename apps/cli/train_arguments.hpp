// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/config_layers.hpp"

namespace bnas::cli {

/// What the command line of bnas_train says.
struct TrainArguments {
  std::filesystem::path file;    ///< train.toml; may be empty
  std::filesystem::path resume;  ///< a training's run directory, else empty
  /// Which cell: at most one of these, unless the configuration names a genotype.
  std::string trial;           ///< RUN#57
  std::filesystem::path best;  ///< RUN
  std::string representation;
  Flags flags;
  std::filesystem::path log_file;
  int verbosity = 0;  ///< -1 quiet, 0, 1 decisions, 2 every epoch
  bool json = false;
  bool print_config = false;
  bool no_color = false;
  bool help = false;
  bool version = false;
};

/// usage Error, with the nearest flag, for what it does not know and for flags that exclude each other.
TrainArguments parse_train_arguments(const std::vector<std::string>& arguments);

/// Help of bnas_train; at most 80 columns.
std::string train_help();

/// A search's run directory and the number of one of its children, from "RUN#57"; usage Error for other texts.
std::pair<std::filesystem::path, std::int64_t> parse_trial_name(const std::string& text);

}  // namespace bnas::cli
