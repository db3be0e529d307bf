// SPDX-License-Identifier: Apache-2.0
// Pools, joins and shape changes.
#pragma once

#include <vector>

#include "bnas/core/ops/geometry.hpp"
#include "bnas/core/tape.hpp"

namespace bnas::ops {

/// f32 or bits, result of the same type.
Var max_pool(Context& ctx, const Var& x, int kernel, const Geometry& geometry);
/// f32 or bits, result f32; divides by the taps inside the image.
Var avg_pool(Context& ctx, const Var& x, int kernel, const Geometry& geometry);
/// (N,H,W,C) -> (N,C), f32.
Var global_avg_pool(Context& ctx, const Var& x);
/// Channels side by side. All bits gives bits; a mixture gives f32, bits as -1 and +1.
Var concat_channels(Context& ctx, const std::vector<Var>& inputs);
/// a + b, f32, equal shapes; bits are widened first.
Var add(Context& ctx, const Var& a, const Var& b);
/// (N, ...) -> (N, product of the rest), in row-major order. Bits whose channels do not fill words are repacked.
Var flatten(Context& ctx, const Var& x);
/// (N,H,W,C) -> (N,W*C,H), f32: rows of images take the place of channels.
Var rows_to_channels(Context& ctx, const Var& x);
/// Its inverse: (N,W*C,H) -> `images` (N,H,W,C).
Var channels_to_rows(Context& ctx, const Var& x, const Shape& images);
Var relu(Context& ctx, const Var& x);
Var sigmoid(Context& ctx, const Var& x);
/// Zero with probability `rate` in training, identity in eval. `rescale` multiplies by 1 / (1 - rate) in training.
/// Keeps nothing: the mask is recomputed from its random key.
Var dropout(Context& ctx, const Var& x, float rate, bool rescale);

}  // namespace bnas::ops
