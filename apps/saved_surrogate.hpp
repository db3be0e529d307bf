// SPDX-License-Identifier: Apache-2.0
// Surrogates that runs leave behind.
#pragma once

#include <filesystem>
#include <optional>

#include "bnas/nas/surrogate_record.hpp"
#include "cli/config.hpp"
#include "cli/run_directory.hpp"

namespace bnas::cli {

/// Of a run directory, or of its surrogate.json. missing Error when there is none, bad_data Error for another file.
nas::SurrogateRecord read_surrogate(const std::filesystem::path& run_or_file);

/// What `surrogate.from` names; nothing where it is empty. usage Error, with what differs, for a surrogate of another
/// space, or one that has seen no cell. `run`, when it is there, may hold a copy already, which then counts: the
/// earlier run may have gone on, or be gone.
std::optional<nas::SurrogateRecord> earlier_surrogate(const Config& config, const RunDirectory* run = nullptr);
/// Keeps it in the run, before its first trial.
void keep_earlier_surrogate(const RunDirectory& run, const std::optional<nas::SurrogateRecord>& earlier);

}  // namespace bnas::cli
