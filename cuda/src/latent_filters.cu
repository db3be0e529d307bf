// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/latent_filters.hpp"

#include "support/block_sum.cuh"
#include "support/divide.cuh"
#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

constexpr std::int64_t kMostBlocks = 0x7FFFFFFF;

__device__ std::int64_t tap_of(const FilterLayout& l, std::int64_t i) {
  const std::int64_t plane = divide(i, l.channels);
  return plane - divide(plane, l.taps) * l.taps;
}

/// Entry of a scale for weight i.
__device__ std::int64_t entry_of(const FilterLayout& l, bool whole, std::int64_t i) {
  if (whole) {
    return 0;
  }
  return l.depthwise ? i - divide(i, l.channels) * l.channels : divide(i, l.taps * l.channels);
}

/// Weight number j of filter f.
__device__ std::int64_t weight_of(const FilterLayout& l, std::int64_t f, std::int64_t j) {
  return l.depthwise ? j * l.channels + f : f * l.taps * l.channels + j;
}

/// A block per entry of scale.
__global__ void __launch_bounds__(kBlockThreads)
    filter_scale_kernel(const float* w, const FilterLayout layout, bool whole, std::int64_t n, float* scale) {
  double sum = 0.0;
  for (std::int64_t j = threadIdx.x; j < n; j += kBlockThreads) {
    sum += fabs(static_cast<double>(w[whole ? j : weight_of(layout, blockIdx.x, j)]));
  }
  sum = block_sum<kBlockThreads>(sum);
  if (threadIdx.x == 0) {
    scale[blockIdx.x] = static_cast<float>(sum / static_cast<double>(n));
  }
}

__global__ void filter_scale_backward_kernel(const float* dscale, const float* w, const FilterLayout layout, bool whole,
                                             std::int64_t size, float share, float* dw, bool accumulate) {
  grid_stride(size, [&](std::int64_t i) {
    const float part = share * dscale[entry_of(layout, whole, i)];
    write(dw + i, w[i] < 0.0F ? -part : part, accumulate);
  });
}

__global__ void latent_backward_kernel(const float* dsign, const float* w, const float* scale,
                                       const FilterLayout layout, bool whole, std::int64_t size, const SignRule rule,
                                       float* dw, bool accumulate) {
  grid_stride(size, [&](std::int64_t i) {
    write(dw + i, rule.gradient(dsign[i], w[i], scale[entry_of(layout, whole, i)]), accumulate);
  });
}

__global__ void project_weights_kernel(const float* w, const float* p, const FilterLayout layout, std::int64_t size,
                                       float* y) {
  grid_stride(size, [&](std::int64_t i) { y[i] = w[i] * p[tap_of(layout, i)]; });
}

/// Writes the gradients of a block's `n` weights and the sum of their partner's shares. at(j) is the j-th weight,
/// gradients(i) those of weight i.
template <class At, class Gradients>
__device__ void sum_partner(std::int64_t n, const WeightGradientSlots& slots, At at, Gradients gradients) {
  double sum = 0.0;
  for (std::int64_t j = threadIdx.x; j < n; j += kBlockThreads) {
    const std::int64_t i = at(j);
    const WeightGradients g = gradients(i);
    write(slots.weight + i, g.weight, slots.add_weight);
    sum += static_cast<double>(g.partner);
  }
  sum = block_sum<kBlockThreads>(sum);
  if (threadIdx.x == 0) {
    write(slots.partner + blockIdx.x, static_cast<float>(sum), slots.add_partner);
  }
}

/// A block per tap: all filters and channels of it.
__global__ void __launch_bounds__(kBlockThreads)
    projection_backward_kernel(const float* dsign, const float* w, const float* p, const float* scale,
                               const FilterLayout layout, std::int64_t n, const ProjectionRule rule,
                               const WeightGradientSlots slots) {
  const std::int64_t tap = blockIdx.x;
  sum_partner(
      n, slots,
      [&](std::int64_t j) {
        const std::int64_t filter = divide(j, layout.channels), channel = j - filter * layout.channels;
        return (filter * layout.taps + tap) * layout.channels + channel;
      },
      [&](std::int64_t i) { return rule.gradients(dsign[i], w[i], p[tap], *scale); });
}

/// A block per filter.
__global__ void __launch_bounds__(kBlockThreads)
    amplitude_backward_kernel(const float* dsign, const float* w, const float* m, const FilterLayout layout,
                              std::int64_t n, const AmplitudeRule rule, const WeightGradientSlots slots) {
  const std::int64_t filter = blockIdx.x;
  sum_partner(
      n, slots, [&](std::int64_t j) { return weight_of(layout, filter, j); },
      [&](std::int64_t i) { return rule.gradients(dsign[i], w[i], m[filter]); });
}

/// A block per tap of a filter.
__global__ void __launch_bounds__(kBlockThreads) center_weights_kernel(float* w, std::int64_t channels) {
  __shared__ float mean;
  float* const tap = w + blockIdx.x * channels;
  double sum = 0.0;
  for (std::int64_t c = threadIdx.x; c < channels; c += kBlockThreads) {
    sum += static_cast<double>(tap[c]);
  }
  sum = block_sum<kBlockThreads>(sum);
  if (threadIdx.x == 0) {
    mean = static_cast<float>(sum / static_cast<double>(channels));
  }
  __syncthreads();
  for (std::int64_t c = threadIdx.x; c < channels; c += kBlockThreads) {
    tap[c] = fminf(fmaxf(tap[c] - mean, -1.0F), 1.0F);
  }
}

bool is_valid(const FilterLayout& l) {
  return l.filters >= 1 && l.taps >= 1 && l.channels >= 1 && (!l.depthwise || l.filters == l.channels) &&
         l.filters * l.taps <= kMostBlocks;
}

constexpr const char* kInvalid = "latent_filters: an array is null, or the layout has no weights";

}  // namespace

Status filter_scale(const float* w, const FilterLayout& layout, bool whole, float* scale, cudaStream_t stream) {
  if (!is_valid(layout) || w == nullptr || scale == nullptr) {
    return invalid_argument(kInvalid);
  }
  const std::int64_t entries = whole ? 1 : layout.filters;
  filter_scale_kernel<<<static_cast<unsigned>(entries), kBlockThreads, 0, stream>>>(w, layout, whole,
                                                                                    layout.size() / entries, scale);
  return launched("filter_scale");
}

Status filter_scale_backward(const float* dscale, const float* w, const FilterLayout& layout, bool whole, float gain,
                             float* dw, bool accumulate, cudaStream_t stream) {
  if (!is_valid(layout) || dscale == nullptr || w == nullptr || dw == nullptr) {
    return invalid_argument(kInvalid);
  }
  const std::int64_t size = layout.size();
  const float share = gain / static_cast<float>(size / (whole ? 1 : layout.filters));
  filter_scale_backward_kernel<<<blocks_for(size), kBlockThreads, 0, stream>>>(dscale, w, layout, whole, size, share,
                                                                               dw, accumulate);
  return launched("filter_scale_backward");
}

Status latent_backward(const float* dsign, const float* w, const float* scale, const FilterLayout& layout, bool whole,
                       const SignRule& rule, float* dw, bool accumulate, cudaStream_t stream) {
  if (!is_valid(layout) || dsign == nullptr || w == nullptr || scale == nullptr || dw == nullptr) {
    return invalid_argument(kInvalid);
  }
  const std::int64_t size = layout.size();
  latent_backward_kernel<<<blocks_for(size), kBlockThreads, 0, stream>>>(dsign, w, scale, layout, whole, size, rule, dw,
                                                                         accumulate);
  return launched("latent_backward");
}

Status project_weights(const float* w, const float* p, const FilterLayout& layout, float* y, cudaStream_t stream) {
  if (!is_valid(layout) || w == nullptr || p == nullptr || y == nullptr) {
    return invalid_argument(kInvalid);
  }
  project_weights_kernel<<<blocks_for(layout.size()), kBlockThreads, 0, stream>>>(w, p, layout, layout.size(), y);
  return launched("project_weights");
}

Status projection_backward(const float* dsign, const float* w, const float* p, const float* scale,
                           const FilterLayout& layout, const ProjectionRule& rule, const WeightGradientSlots& gradients,
                           cudaStream_t stream) {
  if (!is_valid(layout) || dsign == nullptr || w == nullptr || p == nullptr || scale == nullptr ||
      gradients.weight == nullptr || gradients.partner == nullptr) {
    return invalid_argument(kInvalid);
  }
  projection_backward_kernel<<<static_cast<unsigned>(layout.taps), kBlockThreads, 0, stream>>>(
      dsign, w, p, scale, layout, layout.size() / layout.taps, rule, gradients);
  return launched("projection_backward");
}

Status amplitude_backward(const float* dsign, const float* w, const float* m, const FilterLayout& layout,
                          const AmplitudeRule& rule, const WeightGradientSlots& gradients, cudaStream_t stream) {
  if (!is_valid(layout) || dsign == nullptr || w == nullptr || m == nullptr || gradients.weight == nullptr ||
      gradients.partner == nullptr) {
    return invalid_argument(kInvalid);
  }
  amplitude_backward_kernel<<<static_cast<unsigned>(layout.filters), kBlockThreads, 0, stream>>>(
      dsign, w, m, layout, layout.size() / layout.filters, rule, gradients);
  return launched("amplitude_backward");
}

Status center_weights(float* w, const FilterLayout& layout, cudaStream_t stream) {
  if (!is_valid(layout) || w == nullptr) {
    return invalid_argument(kInvalid);
  }
  const std::int64_t planes = layout.size() / layout.channels;
  center_weights_kernel<<<static_cast<unsigned>(planes), kBlockThreads, 0, stream>>>(w, layout.channels);
  return launched("center_weights");
}

}  // namespace bnas::cuda
