// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "cli/options.hpp"

namespace bnas::cli {

/// Where each key that is not at its default came from: "run.toml:3:1", "--epochs", "BNAS_EPOCHS".
using Origins = std::map<std::string, std::string>;

/// Sets what the TOML text sets. Paths become relative to `folder`. A usage Error "name:line:column: what; what to do"
/// for anything but known keys with legal values, for more than 1 MiB, and for nesting that no config needs.
void read_config_text(Config& config, Origins& origins, std::string_view text, const std::string& name,
                      const std::filesystem::path& folder);
/// The same from a file; a usage Error when it cannot be read.
void read_config_file(Config& config, Origins& origins, const std::filesystem::path& file);

/// The whole configuration as TOML with a comment per key; reads back as the same configuration.
/// `with_run_dir` false leaves run_dir out, as in the run's own config.toml, which may move with its directory.
std::string config_to_toml(const Config& config, bool with_run_dir);

}  // namespace bnas::cli
