// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/binary_conv2d.hpp"

#include "c_api/convert.hpp"

namespace bnas::cuda::c_api {
namespace {

/// The plan for the current device.
BinaryConvPlan plan(const bnas_conv2d_dims* dims) {
  BinaryConvPlan plan;
  if (dims == nullptr) {
    plan.status = invalid_argument("binary_conv2d: dims is null");
    return plan;
  }
  int capability = 0;
  if (const Status status = current_capability(capability); !status.ok()) {
    plan.status = status;
    return plan;
  }
  return plan_binary_conv2d(from_c(*dims), capability);
}

}  // namespace
}  // namespace bnas::cuda::c_api

namespace c_api = bnas::cuda::c_api;

std::int32_t bnas_dot_bytes(std::int64_t k) { return bnas::cuda::dot_bytes(k); }

bnas_status_t bnas_binary_conv2d(const bnas_conv2d_dims* dims, const std::uint32_t* x, const std::uint32_t* w, void* y,
                                 std::int64_t* sums, bnas_stream_t stream) {
  const bnas::cuda::BinaryConvPlan plan = c_api::plan(dims);
  return c_api::to_c(plan.status.ok() ? bnas::cuda::binary_conv2d(plan, x, w, y, sums, stream) : plan.status);
}

bnas_status_t bnas_binary_conv2d_info(const bnas_conv2d_dims* dims, bnas_kernel_info* info) {
  const bnas::cuda::BinaryConvPlan plan = c_api::plan(dims);
  if (!plan.status.ok() || info == nullptr) {
    return c_api::to_c(plan.status.ok() ? bnas::cuda::invalid_argument("binary_conv2d_info: info is null")
                                        : plan.status);
  }
  *info = c_api::to_c("binary_conv2d", BNAS_EXACT, bnas::cuda::binary_conv2d_info(plan));
  return c_api::to_c(plan.status);
}
