// SPDX-License-Identifier: Apache-2.0
// Latent weights whose filters are a sign times an amplitude. Formulas: bnas/portable/weight_rules.hpp. Gradients are
// added where `accumulate`; sums are in double, in an order fixed by the shape.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "bnas/cuda/status.hpp"
#include "bnas/portable/weight_rules.hpp"

namespace bnas::cuda {

/// Weights (filters, taps, channels); depthwise: (taps, channels) with one filter per channel, `filters` = channels.
struct FilterLayout {
  std::int64_t filters = 0, taps = 0, channels = 0;
  bool depthwise = false;

  std::int64_t size() const { return depthwise ? taps * channels : filters * taps * channels; }
};

/// Gradients of weights and of what each has a share in.
struct WeightGradientSlots {
  float* weight = nullptr;
  bool add_weight = false;
  float* partner = nullptr;
  bool add_partner = false;
};

/// scale = mean |w| of each filter, or with `whole` of all weights (one entry).
Status filter_scale(const float* w, const FilterLayout& layout, bool whole, float* scale, cudaStream_t stream);

/// dw = gain * sign(w) / n * dscale, n the number of weights of an entry.
Status filter_scale_backward(const float* dscale, const float* w, const FilterLayout& layout, bool whole, float gain,
                             float* dw, bool accumulate, cudaStream_t stream);

/// dw = SignRule::gradient of dsign.
Status latent_backward(const float* dsign, const float* w, const float* scale, const FilterLayout& layout, bool whole,
                       const SignRule& rule, float* dw, bool accumulate, cudaStream_t stream);

/// y = w * p (taps), each tap's plane of channels with its own.
Status project_weights(const float* w, const float* p, const FilterLayout& layout, float* y, cudaStream_t stream);

/// ProjectionRule::gradients; the partner is p (taps), scale has one entry.
Status projection_backward(const float* dsign, const float* w, const float* p, const float* scale,
                           const FilterLayout& layout, const ProjectionRule& rule, const WeightGradientSlots& gradients,
                           cudaStream_t stream);

/// AmplitudeRule::gradients; the partner is m (filters).
Status amplitude_backward(const float* dsign, const float* w, const float* m, const FilterLayout& layout,
                          const AmplitudeRule& rule, const WeightGradientSlots& gradients, cudaStream_t stream);

/// In place: every tap of every filter loses its mean over channels, then all are clamped to [-1, 1].
Status center_weights(float* w, const FilterLayout& layout, cudaStream_t stream);

}  // namespace bnas::cuda
