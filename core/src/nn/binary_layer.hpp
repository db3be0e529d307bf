// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/core/nn/binarized_weights.hpp"
#include "bnas/core/nn/binary_conv2d.hpp"
#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/mixture.hpp"
#include "bnas/core/ops/weights.hpp"

namespace bnas::nn {

/// layer(signs of the weights), scaled where the binarization asks for it.
template <class Layer>
Var run_binary_layer(Context& ctx, Parameter& weight, const Binarization& binarization, Layer&& layer) {
  if (!binarization.scale) {
    return layer(weight_bits(ctx, weight, binarization.weight));
  }
  const Var latent = use(ctx, weight);  // one leaf, whose gradient has both parts
  const Var y = layer(ops::sign(ctx, latent, binarization.weight));
  return ops::scale_channels(ctx, y, ops::filter_scale(ctx, latent, ops::ScaleScope::filter, 1.0F));
}

}  // namespace bnas::nn
