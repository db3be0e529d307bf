// SPDX-License-Identifier: Apache-2.0
// What recipes of training and searches have in common about their batches.
#pragma once

#include <string>

#include "bnas/portable/augment.hpp"

namespace bnas::nas {

/// usage Error naming the key.
void validate_batch_rule(const BatchRule& rule);
/// The same for images of so many channels.
void validate_batch_rule(const BatchRule& rule, std::int64_t channels);
/// All of it in one line, for fingerprints.
std::string batch_rule_text(const BatchRule& rule);

}  // namespace bnas::nas
