// SPDX-License-Identifier: Apache-2.0
// Each block writes the sum of its values; the last block of the last launch adds the blocks of all launches.
#include "bnas/cuda/grad_norm.hpp"

#include "support/block_sum.cuh"
#include "support/last_block.cuh"
#include "support/launch.cuh"
#include "support/tensor_table.cuh"

namespace bnas::cuda {
namespace {

using NormTable = TensorTable<Gradient, kNormGradients>;

/// Where a sum of squares goes: its square root to `norm`, or itself to `sum`.
struct NormResult {
  float* norm;
  float* sum;
  bool accumulate;
  std::int32_t* all_finite;
};

/// Block sums of all launches: this one writes from `first` on, the last one adds `total` of them.
struct BlockSums {
  double* sums;
  std::int64_t first, total;
  unsigned* ticket;
};

static_assert(sizeof(NormTable) + sizeof(NormResult) + sizeof(BlockSums) + 16 <= 4096, "kernel arguments");

/// Calls visit(value&) for this thread's share of the block.
template <class Visit>
__device__ void for_each_value(const NormTable& table, int block_values, Visit visit) {
  const auto [tensor, block] = entry_of_block(table);
  const std::int64_t first = static_cast<std::int64_t>(block) * block_values;
  const std::int64_t end = min(first + block_values, tensor.n);
#pragma unroll 4
  for (std::int64_t i = first + threadIdx.x; i < end; i += kBlockThreads) {
    visit(tensor.data[i]);
  }
}

__device__ void write_result(const NormResult& result, double squares) {
  if (result.norm != nullptr) {
    *result.norm = static_cast<float>(sqrt(squares));
  }
  if (result.sum != nullptr) {
    const double before = result.accumulate ? static_cast<double>(*result.sum) : 0.0;
    *result.sum = static_cast<float>(before + squares);
  }
  if (result.all_finite != nullptr) {
    *result.all_finite = isfinite(squares) ? 1 : 0;
  }
}

__global__ void __launch_bounds__(kBlockThreads)
    sum_squares_multi_kernel(const __grid_constant__ NormTable table, int block_values, BlockSums blocks,
                             NormResult result) {
  double sum = 0.0;
  for_each_value(table, block_values, [&](float x) { sum += static_cast<double>(x) * static_cast<double>(x); });
  sum = block_sum<kBlockThreads>(sum);
  const std::int64_t own = blocks.first + blockIdx.x;
  if (threadIdx.x == 0) {
    blocks.sums[own] = sum;
  }
  const bool last_launch = blocks.first + gridDim.x == blocks.total;
  if (!last_launch || !is_last_block(blocks.ticket, gridDim.x)) {
    return;
  }
  sum = 0.0;
  for (std::int64_t i = threadIdx.x; i < blocks.total; i += kBlockThreads) {
    sum += __ldcg(blocks.sums + i);
  }
  sum = block_sum<kBlockThreads>(sum);
  if (threadIdx.x == 0) {
    write_result(result, sum);
  }
}

/// The sum of nothing.
__global__ void no_squares_kernel(NormResult result) { write_result(result, 0.0); }

__global__ void __launch_bounds__(kBlockThreads)
    clip_gradients_multi_kernel(const __grid_constant__ NormTable table, int block_values, float max_norm,
                                const float* norm) {
  const float length = *norm;
  if (!(length > max_norm)) {
    return;
  }
  const float factor = max_norm / length;
  for_each_value(table, block_values, [=](float& x) { x *= factor; });
}

unsigned blocks_of(const Gradient& tensor, const GradNormPolicy& policy) {
  return static_cast<unsigned>((tensor.n + policy.block_values - 1) / policy.block_values);
}

std::int64_t block_count(const Gradient* tensors, int count, const GradNormPolicy& policy) {
  std::int64_t blocks = 0;
  for (int i = 0; i < count; ++i) {
    blocks += blocks_of(tensors[i], policy);
  }
  return blocks;
}

bool are_valid(const Gradient* tensors, int count, const GradNormPolicy& policy) {
  if (count < 0 || (tensors == nullptr && count > 0) || policy.block_values < 1) {
    return false;
  }
  std::int64_t values = 0;
  for (int i = 0; i < count; ++i) {
    if (tensors[i].n < 0 || (tensors[i].n > 0 && tensors[i].data == nullptr)) {
      return false;
    }
    values += tensors[i].n;
  }
  return values / policy.block_values + count < (std::int64_t{1} << 31);
}

template <class Launch>
void for_each_norm_table(const Gradient* tensors, int count, const GradNormPolicy& policy, Launch launch) {
  for_each_table<NormTable>(
      tensors, count, [&](const Gradient& t) { return blocks_of(t, policy); }, launch);
}

Status sum_to(const Gradient* tensors, int count, const NormResult& result, const Scratch& scratch, cudaStream_t stream,
              const GradNormPolicy& policy, const char* op) {
  BlockSums blocks{static_cast<double*>(scratch.data), 0, block_count(tensors, count, policy), scratch.tickets};
  if (blocks.total == 0) {
    no_squares_kernel<<<1, 1, 0, stream>>>(result);
    return launched(op);
  }
  if (scratch.bytes < sum_squares_workspace_bytes(tensors, count, policy) || scratch.data == nullptr) {
    return {StatusCode::workspace_too_small, 0, op};
  }
  for_each_norm_table(tensors, count, policy, [&](const NormTable& table, unsigned grid) {
    sum_squares_multi_kernel<<<grid, kBlockThreads, 0, stream>>>(table, policy.block_values, blocks, result);
    blocks.first += grid;
  });
  return launched(op);
}

}  // namespace

std::size_t sum_squares_workspace_bytes(const Gradient* tensors, int count, const GradNormPolicy& policy) {
  return are_valid(tensors, count, policy)
             ? static_cast<std::size_t>(block_count(tensors, count, policy)) * sizeof(double)
             : 0;
}

Status sum_squares(const Gradient* tensors, int count, float* sum, bool accumulate, std::int32_t* all_finite,
                   const Scratch& scratch, cudaStream_t stream, const GradNormPolicy& policy) {
  if (!are_valid(tensors, count, policy) || sum == nullptr || scratch.tickets == nullptr) {
    return invalid_argument("sum_squares: a pointer or the tickets are null, or a size is not valid");
  }
  return sum_to(tensors, count, {nullptr, sum, accumulate, all_finite}, scratch, stream, policy, "sum_squares");
}

Status clip_grad_norm(const Gradient* tensors, int count, float max_norm, float* norm, std::int32_t* all_finite,
                      const Scratch& scratch, cudaStream_t stream, const GradNormPolicy& policy) {
  if (!are_valid(tensors, count, policy) || norm == nullptr || scratch.tickets == nullptr) {
    return invalid_argument("clip_grad_norm: a pointer or the tickets are null, or a size is not valid");
  }
  const Status summed =
      sum_to(tensors, count, {norm, nullptr, false, all_finite}, scratch, stream, policy, "clip_grad_norm");
  if (!summed.ok()) {
    return summed;
  }
  for_each_norm_table(tensors, count, policy, [&](const NormTable& table, unsigned grid) {
    clip_gradients_multi_kernel<<<grid, kBlockThreads, 0, stream>>>(table, policy.block_values, max_norm, norm);
  });
  return launched("clip_grad_norm");
}

}  // namespace bnas::cuda
