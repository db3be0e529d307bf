// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "bnas/core/kernels/norm.hpp"

namespace bnas::cpu {

inline constexpr std::int64_t kMaxLanes = 16;  ///< floats of the widest vector used

/// Per-channel constants of batch_norm_affine, repeated over `period` elements (whole rows) and padded to be read in
/// whole vectors.
struct AffineParams {
  std::vector<float> mean, scale, beta;
  std::int64_t period;
};

/// What the passes of batch_norm_backward share; the vectors hold one value per channel, padded alike.
struct BatchNormGradient {
  BatchNormGradient(const GradColumns& upstream, const Word* mask_bits, const Shape& shape)
      : dy(upstream.tensor.data<float>() + upstream.begin),
        dy_row(upstream.tensor.shape().channels()),
        mask(mask_bits),
        rows(shape.rows()),
        channels(shape.channels()),
        words(words_for(channels)),
        mean(static_cast<std::size_t>(channels + kMaxLanes)),
        rstd(mean.size()),
        scale(mean.size()),
        mean_dy(mean.size()),
        mean_dy_xhat(mean.size()) {}

  const float* dy;
  std::int64_t dy_row;  ///< floats from row to row of dy
  const Word* mask;     ///< null: all ones
  std::int64_t rows, channels, words;
  std::vector<float> mean, rstd, scale;
  std::vector<float> mean_dy, mean_dy_xhat;  ///< 0 with frozen statistics
};

/// The sums of integers y per channel (sums_shape); 64 bits hold 2^33 rows of i16, and i32 dot products of any
/// practical size.
void channel_sums(const Tensor& y, std::int64_t* sums);
/// Does what `statistics.sums` asks for, where they are defined, for x of so many rows.
void finish_statistics(const char* op, std::int64_t rows, std::int64_t channels, NormStatistics& statistics);

kernels::BatchNormStats::Signature batch_norm_stats;
kernels::BatchNormApply::Signature batch_norm_apply;
kernels::BatchNormSign::Signature batch_norm_sign;
kernels::BatchNormBackward::Signature batch_norm_backward;

}  // namespace bnas::cpu
