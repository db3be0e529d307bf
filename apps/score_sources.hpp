// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "bnas/nas/history_file.hpp"
#include "bnas/nas/surrogate.hpp"

namespace bnas::cli {

/// All files as one history. bad_data Error where a value is no accuracy in [0, 1].
nas::History read_accuracies(const std::vector<std::string>& files);

/// The configuration of a surrogate by name: its kind, with "-pairwise" for that loss. Otherwise as bnas_search's.
nas::SurrogateConfig surrogate_by_name(const std::string& name, std::uint64_t seed);

}  // namespace bnas::cli
