// SPDX-License-Identifier: Apache-2.0
// The launchers of bnas/cuda/conv2d.hpp: arguments are checked here, once, and handed to the method of the plan.
#include "bnas/cuda/conv2d.hpp"

#include "conv2d/kernels.hpp"
#include "cudnn/convolution.hpp"

namespace bnas::cuda {
namespace {

Status check(const Conv2dPlan& plan, Conv2dPass pass, const Scratch& scratch, const Handles* handles) {
  if (plan.problem.pass != pass) {
    return invalid_argument("conv2d: the plan is for another pass");
  }
  if (plan.workspace_bytes > scratch.bytes || (plan.workspace_bytes > 0 && scratch.data == nullptr)) {
    return {StatusCode::workspace_too_small, 0, "conv2d: less scratch memory than the plan asks for"};
  }
  if (plan.slices > 1 && scratch.tickets == nullptr) {
    return invalid_argument("conv2d: a sum over several blocks needs tickets");
  }
  if (plan.method == Conv2dMethod::cudnn && !cudnn::available(handles)) {
    return invalid_argument("conv2d: the plan is for cuDNN, whose handle is missing");
  }
  return {};
}

/// Which kind of operand is given must be what the plan was made for.
bool matches(const Conv2dPlan& plan, const Operand& operand) {
  return plan.problem.bits ? operand.bits != nullptr : operand.floats != nullptr;
}

}  // namespace

Status conv2d(const Conv2dPlan& plan, const float* x, Operand w, float* y, const Scratch& scratch, cudaStream_t stream,
              const Handles* handles) {
  if (x == nullptr || !matches(plan, w) || y == nullptr) {
    return invalid_argument("conv2d: x, w or y is null, or w is not what the plan is for");
  }
  if (const Status status = check(plan, Conv2dPass::forward, scratch, handles); !status.ok()) {
    return status;
  }
  const Conv2dDims& d = plan.problem.dims;
  if (plan.method == Conv2dMethod::cudnn) {
    return cudnn::forward(d, x, w.floats, y, scratch, *handles);
  }
  return plan.problem.depthwise ? launch_forward_depthwise(d, x, w, y, stream)
                                : launch_forward_direct(d, x, w, y, stream);
}

Status conv2d_backward_input(const Conv2dPlan& plan, const float* dy, Operand w, float* dx, bool accumulate,
                             const Scratch& scratch, cudaStream_t stream, const Handles* handles) {
  if (dy == nullptr || !matches(plan, w) || dx == nullptr) {
    return invalid_argument("conv2d_backward_input: dy, w or dx is null, or w is not what the plan is for");
  }
  if (const Status status = check(plan, Conv2dPass::backward_input, scratch, handles); !status.ok()) {
    return status;
  }
  const Conv2dDims& d = plan.problem.dims;
  switch (plan.method) {
    case Conv2dMethod::cudnn:
      return cudnn::backward_input(d, dy, w.floats, dx, accumulate, scratch, *handles);
    case Conv2dMethod::tensor_cores:
      return launch_backward_input_tensor(d, plan.precision, dy, w.bits, dx, accumulate, stream);
    case Conv2dMethod::direct:
      break;
  }
  return plan.problem.depthwise ? launch_backward_input_depthwise(d, dy, w, dx, accumulate, stream)
                                : launch_backward_input_direct(d, dy, w, dx, accumulate, stream);
}

Status conv2d_backward_weight(const Conv2dPlan& plan, const float* dy, Operand x, float* dw, bool accumulate,
                              const Scratch& scratch, cudaStream_t stream, const Handles* handles) {
  if (dy == nullptr || !matches(plan, x) || dw == nullptr) {
    return invalid_argument("conv2d_backward_weight: dy, x or dw is null, or x is not what the plan is for");
  }
  if (const Status status = check(plan, Conv2dPass::backward_weight, scratch, handles); !status.ok()) {
    return status;
  }
  switch (plan.method) {
    case Conv2dMethod::cudnn:
      return cudnn::backward_weight(plan.problem.dims, dy, x.floats, dw, accumulate, scratch, *handles);
    case Conv2dMethod::tensor_cores:
      return launch_backward_weight_tensor(plan, dy, x.bits, dw, accumulate, scratch, stream);
    case Conv2dMethod::direct:
      break;
  }
  return launch_backward_weight_direct(plan, dy, x, dw, accumulate, scratch, stream);
}

}  // namespace bnas::cuda
