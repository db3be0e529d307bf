// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/nas/differentiable/evaluation_network.hpp"
#include "bnas/nas/differentiable/reduction.hpp"
#include "bnas/nas/differentiable/supernet_config.hpp"
#include "bnas/nas/trial.hpp"

namespace bnas::nas {

/// Weights and multiply-adds of one operation on an edge with `channels` channels and an input of h x w pixels.
/// Convolutions count all of their taps; norms, slopes and pools are not counted. A multiply-add is binary where both
/// of its operands are.
NetworkCost operation_cost(const Candidate& candidate, int channels, int h, int w, int stride, const CellStyle& style);

/// The same of a whole single-path network of the supernet, for one image of h x w pixels.
NetworkCost selection_cost(const SupernetConfig& config, const Selection& selection, int h, int w);

/// The same of an evaluation network as it is used, without the auxiliary classifier.
NetworkCost evaluation_cost(const EvaluationConfig& config, const DartsGenotype& genotype, int h, int w);

/// Kilobytes of weights, with one bit for each binary one, and millions of operations, real multiply-adds plus binary
/// ones / 64.
double kilobytes(const NetworkCost& cost);
double megaops(const NetworkCost& cost);

}  // namespace bnas::nas
