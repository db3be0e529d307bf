// SPDX-License-Identifier: Apache-2.0
#include <type_traits>

#include "batch_norm/numbers.cuh"
#include "support/column_sums.cuh"
#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

/// Integers are summed in 64 bits, which 2^33 rows of i16 and dot products of any practical size do not leave; squares
/// of floats are exact in double.
template <class T>
__global__ void __launch_bounds__(kColumnTile* kRowChains)
    batch_norm_stats_kernel(const T* x, ColumnSums plan, float* mean, float* variance, RunningMoments running,
                            void* partials, unsigned* tickets) {
  using Sum = std::conditional_t<std::is_floating_point_v<T>, double, long long>;
  sum_columns<Sum>(
      plan, partials, tickets,
      [=](std::int64_t row, int channel) {
        const auto v = static_cast<Sum>(x[row * plan.columns + channel]);
        return SumPair<Sum>{v, v * v};
      },
      [=](int channel, SumPair<Sum> sum) {
        const Moments moments = [&] {
          if constexpr (std::is_floating_point_v<T>) {
            return moments_from_sums(sum.a, sum.b, plan.rows);
          } else {
            return moments_from_sums(static_cast<std::int64_t>(sum.a), static_cast<std::int64_t>(sum.b), plan.rows);
          }
        }();
        mean[channel] = moments.mean;
        variance[channel] = moments.variance;
        if (running.mean != nullptr) {
          running.mean[channel] = moving_average(running.mean[channel], running.momentum, moments.mean);
          running.variance[channel] = moving_average(running.variance[channel], running.momentum,
                                                     moments.variance * unbiased_factor(plan.rows));
        }
      });
}

}  // namespace

std::size_t batch_norm_stats_workspace_bytes(const NumberRows& x) {
  return ColumnSums::plan(x.rows, x.channels).workspace_bytes();
}

Status batch_norm_stats(const NumberRows& x, float* mean, float* variance, const RunningMoments& running,
                        const Scratch& scratch, cudaStream_t stream) {
  if (x.rows <= 0 || x.channels <= 0 || x.channels > kTickets * kColumnTile) {
    return invalid_argument("batch_norm_stats: there must be rows, and 1 to 32768 channels");
  }
  if (x.data == nullptr || mean == nullptr || variance == nullptr ||
      (running.mean == nullptr) != (running.variance == nullptr)) {
    return invalid_argument("batch_norm_stats: a pointer is null");
  }
  const ColumnSums plan = ColumnSums::plan(x.rows, x.channels);
  if (scratch.bytes < plan.workspace_bytes() || (plan.slices > 1 && scratch.tickets == nullptr)) {
    return {StatusCode::workspace_too_small, 0, "batch_norm_stats"};
  }
  visit_numbers(x, [&](auto* data) {
    batch_norm_stats_kernel<<<plan.grid(), ColumnSums::block(), 0, stream>>>(data, plan, mean, variance, running,
                                                                             scratch.data, scratch.tickets);
  });
  return launched("batch_norm_stats");
}

}  // namespace bnas::cuda
