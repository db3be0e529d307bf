// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "cli/options.hpp"

namespace bnas::cli {

/// A flag and what it does, in lines of at most 80 columns.
std::string help_line(const std::string& flag, const std::string& text);
/// All options of a program, by group, with their values in `defaults`.
std::string help_options(Program program, const Config& defaults);

}  // namespace bnas::cli
