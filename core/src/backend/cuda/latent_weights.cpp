// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include "backend/cuda/checks.hpp"
#include "backend/cuda/register.hpp"
#include "bnas/core/kernels/elementwise.hpp"
#include "bnas/cuda/latent_weights.hpp"

namespace bnas::cuda_backend {
namespace {

std::vector<cuda::LatentWeights> checked(const Call& call, std::span<const LatentWeights> layers) {
  std::vector<cuda::LatentWeights> out;
  for (const LatentWeights& layer : layers) {
    const Shape& shape = layer.latent.shape();
    call.expect("latent", layer.latent, DType::f32);
    call.expect("bits", layer.bits, DType::bit, shape);
    call.expect("mask", layer.mask, DType::bit, shape);
    call.expect("grad", layer.grad, DType::f32, shape);
    out.push_back({layer.latent.data<float>(), layer.bits.data<Word>(), layer.mask.data<Word>(),
                   layer.grad.data<float>(), static_cast<int>(shape.rows()), static_cast<int>(shape.channels())});
  }
  return out;
}

void binarize_weights(Stream& stream, std::span<const LatentWeights> layers) {
  const Call call("binarize_weights", stream);
  const auto weights = checked(call, layers);
  call.require(cuda::binarize_weights(weights.data(), static_cast<int>(weights.size()), call.stream()));
}

void mask_gradients(Stream& stream, std::span<const LatentWeights> layers) {
  const Call call("mask_gradients", stream);
  const auto weights = checked(call, layers);
  call.require(cuda::mask_gradients(weights.data(), static_cast<int>(weights.size()), call.stream()));
}

}  // namespace

void register_latent_weights(KernelTable& table) {
  table.add<kernels::BinarizeWeights>(binarize_weights);
  table.add<kernels::MaskGradients>(mask_gradients);
}

}  // namespace bnas::cuda_backend
