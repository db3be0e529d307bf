// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/config_layers.hpp"

namespace bnas::cli {

enum class Command : std::uint8_t { search, resume, status, compare };

/// What the command line of bnas_search says.
struct SearchArguments {
  Command command = Command::search;
  std::filesystem::path target;             ///< run.toml (may be empty), or the run directory
  std::vector<std::filesystem::path> runs;  ///< compare
  std::string svg;                          ///< compare: files to draw into; may be empty
  std::string png;
  Flags flags;
  std::filesystem::path log_file;
  int verbosity = 0;  ///< -1 quiet, 0, 1 decisions, 2 every epoch
  bool dry_run = false;
  bool json = false;
  bool print_config = false;
  bool no_color = false;
  bool help = false;
  bool version = false;
};

/// usage Error, with the nearest flag or command, for what it does not know.
SearchArguments parse_search_arguments(const std::vector<std::string>& arguments);

/// Help of bnas_search: examples, commands, all flags by group with their defaults; at most 80 columns.
std::string search_help();

}  // namespace bnas::cli
