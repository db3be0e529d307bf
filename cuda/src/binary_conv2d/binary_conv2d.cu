// SPDX-License-Identifier: Apache-2.0
#include "binary_conv2d/block.cuh"
#include "bnas/cuda/binary_conv2d.hpp"
#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

Status launch(const BinaryConvPlan& plan, const Word* x, const Word* w, void* y, const FilterSums& sums,
              cudaStream_t stream) {
  if (!plan.status.ok()) {
    return plan.status;
  }
  if (x == nullptr || w == nullptr || y == nullptr) {
    return invalid_argument("binary_conv2d: x, w or y is null");
  }
  const BinaryConvArgs args{plan.dims,
                            plan.tile,
                            SharedLayout(plan.dims, plan.tile, plan.variant, plan.threads),
                            AxisClasses::of_rows(plan.dims),
                            AxisClasses::of_columns(plan.dims),
                            x,
                            w,
                            y,
                            sums};
  switch (plan.variant) {
    case BinaryConvVariant::tensor_b1:
      return launch_tensor_b1(args, plan.threads, stream);
    case BinaryConvVariant::tensor_s8:
      return launch_tensor_s8(args, plan.threads, stream);
    case BinaryConvVariant::popcount:
    case BinaryConvVariant::automatic:
      break;
  }
  return launch_popcount(args, plan.threads, stream);
}

}  // namespace

Status binary_conv2d(const BinaryConvPlan& plan, const Word* x, const Word* w, void* y, std::int64_t* sums,
                     cudaStream_t stream) {
  return launch(plan, x, w, y, {.added = sums}, stream);
}

Status binary_conv2d(const BinaryConvPlan& plan, const Word* x, const Word* w, void* y, std::int64_t* sums,
                     const Scratch& scratch, cudaStream_t stream) {
  if (sums == nullptr || scratch.accumulators == nullptr || scratch.tickets == nullptr) {
    return invalid_argument("binary_conv2d: sums, accumulators or tickets are null");
  }
  const std::int64_t count = 2 * std::int64_t{plan.dims.o};
  if (!plan.status.ok() || count <= kAccumulators) {
    return launch(plan, x, w, y, {scratch.accumulators, sums, scratch.tickets}, stream);
  }
  const cudaError_t error = cudaMemsetAsync(sums, 0, static_cast<std::size_t>(count) * sizeof(*sums), stream);
  return error == cudaSuccess ? launch(plan, x, w, y, {.added = sums}, stream) : from_cuda(error, "binary_conv2d");
}

}  // namespace bnas::cuda
