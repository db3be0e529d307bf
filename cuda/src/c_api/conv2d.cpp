// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/conv2d.hpp"

#include "c_api/convert.hpp"

namespace cuda = bnas::cuda;
namespace c_api = bnas::cuda::c_api;

namespace {

static_assert(static_cast<int>(cuda::Conv2dPass::forward) == BNAS_FORWARD);
static_assert(static_cast<int>(cuda::Conv2dPass::backward_input) == BNAS_BACKWARD_INPUT);
static_assert(static_cast<int>(cuda::Conv2dPass::backward_weight) == BNAS_BACKWARD_WEIGHT);

/// A plan of the direct method, which takes every operand and device.
cuda::Status direct_plan(cuda::Conv2dPass pass, const bnas_conv2d_dims* dims, bool bits, std::int32_t depthwise,
                         cuda::Conv2dPlan& plan) {
  if (dims == nullptr) {
    return cuda::invalid_argument("conv2d: dims is null");
  }
  cuda::Conv2dOptions options;
  options.method = cuda::Conv2dMethod::direct;
  if (const cuda::Status status = c_api::current_capability(options.compute_capability); !status.ok()) {
    return status;
  }
  return cuda::plan_conv2d({pass, c_api::from_c(*dims), bits, depthwise != 0}, options, &plan);
}

/// launch(plan, operand) with the operand of the caller.
template <class Launch>
bnas_status_t with_plan(cuda::Conv2dPass pass, const bnas_conv2d_dims* dims, std::int32_t depthwise,
                        const bnas_operand* operand, Launch launch) {
  if (operand == nullptr || (operand->floats == nullptr) == (operand->bits == nullptr)) {
    return c_api::to_c(cuda::invalid_argument("conv2d: an operand is either floats or bits"));
  }
  cuda::Conv2dPlan plan;
  const bool bits = operand->bits != nullptr;
  const cuda::Status status = direct_plan(pass, dims, bits, depthwise, plan);
  return c_api::to_c(!status.ok() ? status
                     : bits       ? launch(plan, cuda::Operand(operand->bits))
                                  : launch(plan, cuda::Operand(operand->floats)));
}

}  // namespace

bnas_status_t bnas_conv2d(const bnas_conv2d_dims* dims, std::int32_t depthwise, const float* x, const bnas_operand* w,
                          float* y, const bnas_scratch* scratch, bnas_stream_t stream) {
  return with_plan(cuda::Conv2dPass::forward, dims, depthwise, w, [&](const cuda::Conv2dPlan& plan, cuda::Operand o) {
    return cuda::conv2d(plan, x, o, y, c_api::from_c(scratch), stream);
  });
}

bnas_status_t bnas_conv2d_backward_input(const bnas_conv2d_dims* dims, std::int32_t depthwise, const float* dy,
                                         const bnas_operand* w, float* dx, std::int32_t accumulate,
                                         const bnas_scratch* scratch, bnas_stream_t stream) {
  return with_plan(
      cuda::Conv2dPass::backward_input, dims, depthwise, w, [&](const cuda::Conv2dPlan& plan, cuda::Operand o) {
        return cuda::conv2d_backward_input(plan, dy, o, dx, accumulate != 0, c_api::from_c(scratch), stream);
      });
}

bnas_status_t bnas_conv2d_backward_weight(const bnas_conv2d_dims* dims, std::int32_t depthwise, const float* dy,
                                          const bnas_operand* x, float* dw, std::int32_t accumulate,
                                          const bnas_scratch* scratch, bnas_stream_t stream) {
  return with_plan(
      cuda::Conv2dPass::backward_weight, dims, depthwise, x, [&](const cuda::Conv2dPlan& plan, cuda::Operand o) {
        return cuda::conv2d_backward_weight(plan, dy, o, dw, accumulate != 0, c_api::from_c(scratch), stream);
      });
}

bnas_status_t bnas_conv2d_workspace(const bnas_conv2d_dims* dims, std::int32_t depthwise, std::int32_t pass,
                                    std::int32_t bits, std::size_t* bytes) {
  return c_api::with_choice(pass, BNAS_BACKWARD_WEIGHT + 1, "conv2d_workspace: pass is no bnas_conv2d_pass", [&] {
    cuda::Conv2dPlan plan;
    const cuda::Status status = bytes != nullptr
                                    ? direct_plan(static_cast<cuda::Conv2dPass>(pass), dims, bits != 0, depthwise, plan)
                                    : cuda::invalid_argument("conv2d_workspace: bytes is null");
    if (status.ok()) {
      *bytes = plan.workspace_bytes;
    }
    return status;
  });
}
