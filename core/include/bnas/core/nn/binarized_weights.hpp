// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <vector>

#include "bnas/core/kernels/elementwise.hpp"
#include "bnas/core/nn/module.hpp"
#include "bnas/portable/pseudo_gradient.hpp"

namespace bnas::nn {

/// Signs of a network's latent weights for training steps, made for all layers at once rather than layer by layer.
/// While it lives, modules use them instead of binarizing their weights themselves (weight_bits).
class BinarizedWeights {
 public:
  /// Of those `parameters` that are latent_binary. The gradient of their sign is the straight-through estimator's.
  BinarizedWeights(Stream& stream, std::span<Parameter* const> parameters);
  BinarizedWeights(const BinarizedWeights&) = delete;
  BinarizedWeights& operator=(const BinarizedWeights&) = delete;
  ~BinarizedWeights();

  /// Before the forward pass: the signs of the weights as they are now.
  void binarize(Stream& stream);
  /// After the backward pass: turns gradients of signs into gradients of latent weights.
  void mask_gradients(Stream& stream);

 private:
  std::vector<Parameter*> parameters_;
  std::vector<LatentWeights> layers_;
};

/// The parameter's signs as a Var of ctx: those of a BinarizedWeights, else sign() of the latent weights.
Var weight_bits(Context& ctx, Parameter& parameter, PseudoGradient kind);

}  // namespace bnas::nn
