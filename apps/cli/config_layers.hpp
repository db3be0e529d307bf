// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "cli/config_file.hpp"

namespace bnas::cli {

/// A key given on the command line and its text, in order; a list given twice is joined.
using Flags = std::vector<std::pair<const Option*, std::string>>;
/// Value of an environment variable or nullptr, as std::getenv.
using Environment = std::function<const char*(const char*)>;

struct Layered {
  Config config;
  Origins origins;
};

/// Flags over BNAS_* variables over `file` (may be empty) over the user's configuration over defaults. Keys whose
/// default depends on the space (look_back, look_forward, combine) take the space's own where nobody set them.
Layered layer_config(const std::filesystem::path& file, const Flags& flags, const Environment& environment);
/// The same for bnas_train, whose epochs are 200 and whose images are all. With a search's run directory `run`, its
/// configuration takes the place of the user's: but for epochs, max_train_images and what only concerned running it;
/// of a differentiable search, what is_kept_from_search() says.
Layered layer_training(const std::filesystem::path& run, const std::filesystem::path& file, const Flags& flags,
                       const Environment& environment);
/// What bnas_train starts from.
Config training_defaults();
/// The same on top of the frozen configuration of a run: no user configuration. A usage Error lists every frozen key
/// that would change, with both values and where the new one comes from. `changed` gets the logged keys that differ.
Layered layer_resume(const std::filesystem::path& run, const Flags& flags, const Environment& environment,
                     std::vector<std::string>& changed);

/// $XDG_CONFIG_HOME/bnas/config.toml or ~/.config/bnas/config.toml; empty when neither variable is set.
std::filesystem::path user_config_path(const Environment& environment);

/// Rules between keys: lists that must fit each other, files that a data set needs. usage Error.
void check_together(const Config& config, const Origins& origins, Program program = Program::search);

}  // namespace bnas::cli
