// SPDX-License-Identifier: Apache-2.0
// How promising a network is before it is trained at all.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "bnas/core/data/dataset.hpp"
#include "bnas/nas/network.hpp"

namespace bnas::nas {

/// Binary code of one image: the signs that a network gives it, 64 per word, unused bits 0.
using BinaryCode = std::vector<std::uint64_t>;

/// log det K of Mellor et al. 2021 ("Neural architecture search without training"), equations 1 and 2: K_ij is the
/// share of the `bits` in which the codes of images i and j agree. The more an untrained network tells images apart,
/// the higher. Codes of equal lengths, at least one bit. -infinity where two codes are equal.
double log_det_agreement(std::span<const BinaryCode> codes, std::int64_t bits);

/// The same for the network of `plan` with weights keyed by `init`, on all its binary activations. In a binarized
/// network the signs are the activations themselves, where the paper takes those of rectifiers. Runs one batch on the
/// CPU in training mode, so that batch norm uses the statistics of `images`. -infinity for a network without signs.
double zero_cost_score(NetworkPlan plan, const LayerOptions& options, const RandomKey& init, const Dataset& images);

}  // namespace bnas::nas
