// SPDX-License-Identifier: Apache-2.0
// Weighing operations against each other, and what moves channels and pixels between them.
#pragma once

#include <vector>

#include "bnas/core/kernels/mixture.hpp"
#include "bnas/core/tape.hpp"

namespace bnas::ops {

/// y = x * scale: x (..., C) f32 or integers, scale f32 (C). Keeps x as it came.
Var scale_channels(Context& ctx, const Var& x, const Var& scale);
/// y = x > 0 ? x : slope * x, slope f32 (C).
Var prelu(Context& ctx, const Var& x, const Var& slope);
/// Sum of f32 tensors of one shape, in their order. Keeps nothing.
Var sum(Context& ctx, const std::vector<Var>& inputs);

/// alpha f32 (E,K), beta f32 (E), alive f32 (E,K) of 0 and 1 -> (E, K+1): in column k the weight of operation k of the
/// edge, in column K the weight of the edge (kernels::MixtureWeights). Keeps the three inputs.
Var mixture_weights(Context& ctx, const Var& alpha, const Var& beta, const Tensor& alive, const MixtureRule& rule);
/// `count` times the entry `index` of table, in row-major order: the gain of a batch norm or scale_channels.
Var broadcast_entry(Context& ctx, const Var& table, std::int64_t index, std::int64_t count);

/// Channels [begin, begin + width) of f32 x.
Var slice_channels(Context& ctx, const Var& x, std::int64_t begin, std::int64_t width);
/// Channel g * (C / groups) + i becomes channel i * groups + g.
Var shuffle_channels(Context& ctx, const Var& x, std::int64_t groups);
/// The grid's pixels of x (N,H,W,C) of any type.
Var take_pixels(Context& ctx, const Var& x, const PixelGrid& grid);
/// The inverse of taking every grid of a stride: `parts` of one type are the grids that begin at (0,0), (0,1), ...,
/// (stride-1, stride-1) of an image (N,h,w,C); those of no pixel are left out.
Var merge_pixels(Context& ctx, const std::vector<Var>& parts, int stride, std::int64_t h, std::int64_t w);

/// Whole samples of f32 x are 0 with probability `rate` in training, the others divided by 1 - rate; identity in eval
/// (drop path, Larsson et al. 2017). Keeps nothing: the mask is recomputed from its random key.
Var drop_samples(Context& ctx, const Var& x, float rate);

}  // namespace bnas::ops
