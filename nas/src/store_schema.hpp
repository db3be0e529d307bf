// SPDX-License-Identifier: Apache-2.0
// What the tables of a trial store look like, and rows as values. Nothing read here is trusted.
#pragma once

#include <string>
#include <vector>

#include "bnas/nas/trial.hpp"
#include "sqlite.hpp"

namespace bnas::nas::sqlite {

/// Columns of `trials` in the order that read_trial() takes; `fence` follows as column kFenceColumn.
inline constexpr const char* kTrialColumns =
    "id, batch, level, rank, genotype, text, budget_epochs, budget_images, predicted, status, failures, reward, "
    "best_epoch, binary_weights, real_weights, binary_macs, real_macs, seconds, message, fence";
inline constexpr int kFenceColumn = 19;

/// Makes the tables in an empty database, or checks that it is a whole trial store of this version before anything is
/// written to it; then sets the connection up (WAL, full synchronization, foreign keys).
void open_schema(const Database& db, bool read_only);

/// The integer that `sql` yields; 0 without a row.
std::int64_t scalar(const Database& db, std::string_view sql);

std::vector<unsigned char> pack(const Genotype& genotype);
Trial read_trial(const Database& db, const Statement& row);

}  // namespace bnas::nas::sqlite
