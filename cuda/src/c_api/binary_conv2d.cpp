// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/binary_conv2d.hpp"

#include "bnas/cuda/binary_depthwise_conv2d.hpp"
#include "c_api/convert.hpp"

namespace cuda = bnas::cuda;
namespace c_api = bnas::cuda::c_api;

std::int32_t bnas_dot_bytes(std::int64_t k) { return cuda::dot_bytes(k); }

bnas_status_t bnas_binary_conv2d(const bnas_conv2d_dims* dims, const std::uint32_t* x, const std::uint32_t* w, void* y,
                                 std::int64_t* sums, bnas_stream_t stream) {
  const auto plan = c_api::plan_here<cuda::BinaryConvPlan>(dims, cuda::plan_binary_conv2d);
  return c_api::to_c(plan.status.ok() ? cuda::binary_conv2d(plan, x, w, y, sums, stream) : plan.status);
}

bnas_status_t bnas_binary_conv2d_info(const bnas_conv2d_dims* dims, bnas_kernel_info* info) {
  const auto plan = c_api::plan_here<cuda::BinaryConvPlan>(dims, cuda::plan_binary_conv2d);
  return c_api::info_of("binary_conv2d", plan, cuda::binary_conv2d_info, info);
}

bnas_status_t bnas_binary_depthwise_conv2d(const bnas_conv2d_dims* dims, const std::uint32_t* x, const std::uint32_t* w,
                                           void* y, bnas_stream_t stream) {
  const auto plan = c_api::plan_here<cuda::BinaryDepthwisePlan>(dims, cuda::plan_binary_depthwise_conv2d);
  return c_api::to_c(plan.status.ok() ? cuda::binary_depthwise_conv2d(plan, x, w, y, stream) : plan.status);
}

bnas_status_t bnas_binary_depthwise_conv2d_info(const bnas_conv2d_dims* dims, bnas_kernel_info* info) {
  const auto plan = c_api::plan_here<cuda::BinaryDepthwisePlan>(dims, cuda::plan_binary_depthwise_conv2d);
  return c_api::info_of("binary_depthwise_conv2d", plan, cuda::binary_depthwise_conv2d_info, info);
}
