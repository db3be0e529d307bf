// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/conv2d.hpp"
#include "c_api/convert.hpp"

namespace cuda = bnas::cuda;
namespace c_api = bnas::cuda::c_api;

namespace {

static_assert(static_cast<int>(cuda::Precision::f32) == BNAS_F32);
static_assert(static_cast<int>(cuda::Precision::bf16) == BNAS_BF16);
static_assert(cuda::kTickets == BNAS_TICKETS);

/// The plan of a gradient with a packed operand, for the current device.
cuda::Status plan_here(cuda::Conv2dPass pass, const bnas_conv2d_dims* dims, std::int32_t precision,
                       cuda::Conv2dPlan& plan) {
  if (dims == nullptr || precision < BNAS_F32 || precision > BNAS_BF16) {
    return cuda::invalid_argument("binary_conv2d_backward: dims is null, or precision is no bnas_precision");
  }
  cuda::Conv2dOptions options;
  options.precision = static_cast<cuda::Precision>(precision);
  if (const cuda::Status status = c_api::current_capability(options.compute_capability); !status.ok()) {
    return status;
  }
  return cuda::plan_conv2d({pass, c_api::from_c(*dims), true, false}, options, &plan);
}

bnas_status_t workspace(cuda::Conv2dPass pass, const bnas_conv2d_dims* dims, std::int32_t precision,
                        std::size_t* bytes) {
  cuda::Conv2dPlan plan;
  const cuda::Status status = bytes != nullptr
                                  ? plan_here(pass, dims, precision, plan)
                                  : cuda::invalid_argument("binary_conv2d_backward_workspace: bytes is null");
  if (status.ok()) {
    *bytes = plan.workspace_bytes;
  }
  return c_api::to_c(status);
}

}  // namespace

bnas_status_t bnas_binary_conv2d_backward_input(const bnas_conv2d_dims* dims, std::int32_t precision, const float* dy,
                                                const std::uint32_t* w, float* dx, std::int32_t accumulate,
                                                const bnas_scratch* scratch, bnas_stream_t stream) {
  cuda::Conv2dPlan plan;
  const cuda::Status status = plan_here(cuda::Conv2dPass::backward_input, dims, precision, plan);
  return c_api::to_c(status.ok()
                         ? cuda::conv2d_backward_input(plan, dy, w, dx, accumulate != 0, c_api::from_c(scratch), stream)
                         : status);
}

bnas_status_t bnas_binary_conv2d_backward_input_workspace(const bnas_conv2d_dims* dims, std::int32_t precision,
                                                          std::size_t* bytes) {
  return workspace(cuda::Conv2dPass::backward_input, dims, precision, bytes);
}

bnas_status_t bnas_binary_conv2d_backward_weight(const bnas_conv2d_dims* dims, std::int32_t precision, const float* dy,
                                                 const std::uint32_t* x, float* dw, std::int32_t accumulate,
                                                 const bnas_scratch* scratch, bnas_stream_t stream) {
  cuda::Conv2dPlan plan;
  const cuda::Status status = plan_here(cuda::Conv2dPass::backward_weight, dims, precision, plan);
  return c_api::to_c(
      status.ok() ? cuda::conv2d_backward_weight(plan, dy, x, dw, accumulate != 0, c_api::from_c(scratch), stream)
                  : status);
}

bnas_status_t bnas_binary_conv2d_backward_weight_workspace(const bnas_conv2d_dims* dims, std::int32_t precision,
                                                           std::size_t* bytes) {
  return workspace(cuda::Conv2dPass::backward_weight, dims, precision, bytes);
}
