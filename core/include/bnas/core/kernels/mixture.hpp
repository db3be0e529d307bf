// SPDX-License-Identifier: Apache-2.0
// Kernel tags: what a network needs that weighs several operations against each other and trains the weights, and what
// moves channels and pixels between such operations.
#pragma once

#include <cstdint>
#include <vector>

#include "bnas/core/kernel_table.hpp"
#include "bnas/core/tape.hpp"

namespace bnas {

/// How the architecture parameters of a cell become weights: E edges in groups, one group per node of the cell.
struct MixtureRule {
  std::vector<std::int32_t> groups;  ///< of every edge; edges of a node are neighbours, numbers do not fall
  float temperature = 1.0F;          ///< divides alpha
  bool edge_weights = true;          ///< beta counts; false: every edge has weight 1
};

/// Every stride-th pixel of an image, from (begin_h, begin_w) on.
struct PixelGrid {
  int stride = 1;
  int begin_h = 0, begin_w = 0;

  /// Pixels of an axis of `length`, the first of them at `begin`.
  std::int64_t count(std::int64_t length, int begin) const { return (length - begin + stride - 1) / stride; }
};

}  // namespace bnas

namespace bnas::kernels {

/// y (rows, C) (+)= x * scale (C); x f32 or an integer type, y f32, which may be x to be overwritten.
struct ScaleChannels {
  static constexpr const char* name = "scale_channels";
  using Signature = void(Stream&, const Tensor& x, const Tensor& scale, Tensor& y, GradMode mode);
};

/// dot (C) (+)= sum over rows of a * b, in double and in a fixed order; a f32, b f32 or an integer type.
struct DotChannels {
  static constexpr const char* name = "dot_channels";
  using Signature = void(Stream&, const Tensor& a, const Tensor& b, Tensor& dot, GradMode mode);
};

/// y (rows, C) = x > 0 ? x : slope (C) * x; f32, y may be x (He et al. 2015).
struct Prelu {
  static constexpr const char* name = "prelu";
  using Signature = void(Stream&, const Tensor& x, const Tensor& slope, Tensor& y);
};

/// dx (+)= x > 0 ? dy : slope * dy.
struct PreluBackward {
  static constexpr const char* name = "prelu_backward";
  using Signature = void(Stream&, const Tensor& dy, const Tensor& x, const Tensor& slope, Tensor& dx, GradMode mode);
};

/// dslope (C) (+)= sum over rows of x > 0 ? 0 : dy * x, in double and in a fixed order.
struct PreluSlopeBackward {
  static constexpr const char* name = "prelu_slope_backward";
  using Signature = void(Stream&, const Tensor& dy, const Tensor& x, Tensor& dslope, GradMode mode);
};

/// y (E, K+1) from alpha (E,K), beta (E) and alive (E,K) of 0 and 1, all f32, in double:
/// p = softmax over the alive k of alpha[e,k] / temperature, b = softmax of beta over the edges of a group (1 without
/// edge_weights); y[e,k] = b[e] p[e,k], 0 where not alive, and y[e,K] = b[e].
struct MixtureWeights {
  static constexpr const char* name = "mixture_weights";
  using Signature = void(Stream&, const Tensor& alpha, const Tensor& beta, const Tensor& alive, const MixtureRule& rule,
                         Tensor& y);
};

/// Gradients of MixtureWeights; undefined: not wanted. dbeta is 0 without edge_weights.
struct MixtureWeightsBackward {
  static constexpr const char* name = "mixture_weights_backward";
  using Signature = void(Stream&, const Tensor& dy, const Tensor& alpha, const Tensor& beta, const Tensor& alive,
                         const MixtureRule& rule, Tensor& dalpha, GradMode alpha_mode, Tensor& dbeta,
                         GradMode beta_mode);
};

/// dalpha (E,K) (+)= weight * gradient of the mean over edges of the entropy of p (MixtureWeights), in nats.
struct EntropyGradient {
  static constexpr const char* name = "entropy_gradient";
  using Signature = void(Stream&, const Tensor& alpha, const Tensor& alive, float temperature, float weight,
                         Tensor& dalpha, GradMode mode);
};

/// y[...] = table[index], counted in row-major order; f32.
struct BroadcastEntry {
  static constexpr const char* name = "broadcast_entry";
  using Signature = void(Stream&, const Tensor& table, std::int64_t index, Tensor& y);
};

/// dtable[index] (+)= sum of dy, in double and in a fixed order; overwriting makes the other entries 0.
struct BroadcastEntryBackward {
  static constexpr const char* name = "broadcast_entry_backward";
  using Signature = void(Stream&, const Tensor& dy, std::int64_t index, Tensor& dtable, GradMode mode);
};

/// dx (rows, C)[:, begin : begin + width] (+)= dy (rows, width); overwriting makes the other channels 0. f32.
struct PlaceChannels {
  static constexpr const char* name = "place_channels";
  using Signature = void(Stream&, const Tensor& dy, std::int64_t begin, Tensor& dx, GradMode mode);
};

/// y[:, i * groups + g] (+)= x[:, g * (C / groups) + i]; f32, groups divides C (Zhang et al. 2018, ShuffleNet).
struct ShuffleChannels {
  static constexpr const char* name = "shuffle_channels";
  using Signature = void(Stream&, const Tensor& x, std::int64_t groups, Tensor& y, GradMode mode);
};

/// y (N,h,w,C) (+)= the grid's pixels of x (N,H,W,C); any type, to be added f32 only.
struct TakePixels {
  static constexpr const char* name = "take_pixels";
  using Signature = void(Stream&, const Tensor& x, const PixelGrid& grid, Tensor& y, GradMode mode);
};

/// The grid's pixels of y (N,H,W,C) (+)= x (N,h,w,C); the other pixels stay. Any type, to be added f32 only.
struct PutPixels {
  static constexpr const char* name = "put_pixels";
  using Signature = void(Stream&, const Tensor& x, const PixelGrid& grid, Tensor& y, GradMode mode);
};

/// y[n,...] (+)= keep(n) ? x[n,...] / (1 - rate) : 0, where keep(n) = key.uniform(n) >= rate and
/// key = step_key(step, site, dropout). Forward and backward are the same map.
struct DropSamples {
  static constexpr const char* name = "drop_samples";
  using Signature = void(Stream&, const Tensor& x, const Tensor& step, std::uint64_t site, float rate, Tensor& y,
                         GradMode mode);
};

}  // namespace bnas::kernels
