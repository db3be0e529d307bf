// SPDX-License-Identifier: Apache-2.0
#include "binary_conv2d/block.cuh"
#include "bnas/cuda/binary_conv2d.hpp"

namespace bnas::cuda {

Status binary_conv2d(const BinaryConvPlan& plan, const Word* x, const Word* w, void* y, std::int64_t* sums,
                     cudaStream_t stream) {
  if (!plan.status.ok()) {
    return plan.status;
  }
  if (x == nullptr || w == nullptr || y == nullptr) {
    return invalid_argument("binary_conv2d: x, w or y is null");
  }
  const BinaryConvArgs args{plan.dims, plan.tile, SharedLayout(plan.dims, plan.tile, plan.variant), x, w, y, sums};
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

}  // namespace bnas::cuda
