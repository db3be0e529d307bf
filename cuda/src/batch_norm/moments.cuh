// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/cuda/batch_norm.hpp"
#include "bnas/portable/batch_norm.hpp"

namespace bnas::cuda {

/// Writes the moments of one channel over `rows` rows and moves the running ones.
__device__ inline void write_moments(const BatchMoments& to, std::int64_t channel, Moments batch, std::int64_t rows) {
  to.mean[channel] = batch.mean;
  to.variance[channel] = batch.variance;
  if (to.running_mean != nullptr) {
    to.running_mean[channel] = moving_average(to.running_mean[channel], to.momentum, batch.mean);
    to.running_variance[channel] =
        moving_average(to.running_variance[channel], to.momentum, batch.variance * unbiased_factor(rows));
  }
}

__device__ inline Moments moments_of_channel(const std::int64_t* sums, std::int64_t rows, std::int64_t channels,
                                             std::int64_t channel) {
  return moments_from_sums(sums[channel], sums[channels + channel], rows);
}

}  // namespace bnas::cuda
