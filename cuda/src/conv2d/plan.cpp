// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "bnas/cuda/conv2d.hpp"
#include "conv2d/kernels.hpp"
#include "cudnn/convolution.hpp"

namespace bnas::cuda {
namespace {

constexpr std::int64_t kMaxPixels = std::int64_t{1} << 29;  // indices of pixels are int
constexpr int kMaxGridYZ = 65535;

bool is_positive(const Conv2dDims& d) {
  return d.n > 0 && d.h > 0 && d.w > 0 && d.c > 0 && d.o > 0 && d.kh > 0 && d.kw > 0 && d.stride_h > 0 &&
         d.stride_w > 0 && d.h + d.pad_h.begin + d.pad_h.end >= d.kh && d.w + d.pad_w.begin + d.pad_w.end >= d.kw;
}

Status check(const Conv2dProblem& problem) {
  const Conv2dDims& d = problem.dims;
  if (!is_positive(d)) {
    return invalid_argument("conv2d: a length is not positive, or the window is larger than the padded image");
  }
  if (problem.depthwise && d.o != d.c) {
    return invalid_argument("conv2d: a depthwise convolution has as many filters as channels");
  }
  const auto n = std::int64_t{d.n};
  if (n * d.h * d.w > kMaxPixels || n * d.oh() * d.ow() > kMaxPixels || std::int64_t{d.kh} * d.kw * d.c > kMaxPixels ||
      std::int64_t{d.stride_h} * d.stride_w > kMaxGridYZ || d.o / 16 >= kMaxGridYZ || d.c / 16 >= kMaxGridYZ) {
    return unsupported("conv2d: more than 2^29 pixels or weights of a filter, 2^20 channels, or strides of 65535");
  }
  return {};
}

bool tensor_cores_take(const Conv2dProblem& problem, const Conv2dOptions& options) {
  return problem.pass != Conv2dPass::forward && problem.bits && !problem.depthwise && options.compute_capability >= 80;
}

bool cudnn_takes(const Conv2dProblem& problem, const Conv2dOptions& options) {
  const Conv2dDims& d = problem.dims;
  const bool symmetric =
      d.pad_h.begin == d.pad_h.end && d.pad_w.begin == d.pad_w.end && d.pad_h.begin >= 0 && d.pad_w.begin >= 0;
  return cudnn::available(options.handles) && !problem.bits && !problem.depthwise && symmetric &&
         d.pad_value == PadValue::zero;
}

/// cuDNN's tiles are as wide as 32 channels: a stem would use a tenth of them.
constexpr int kLeastCudnnChannels = 5;

Conv2dMethod prefer(const Conv2dProblem& problem, const Conv2dOptions& options, const Conv2dPolicy& policy) {
  if (policy.tensor_cores && tensor_cores_take(problem, options) &&
      std::min(problem.dims.c, problem.dims.o) >= policy.least_channels) {
    return Conv2dMethod::tensor_cores;
  }
  return cudnn_takes(problem, options) && problem.dims.c >= kLeastCudnnChannels ? Conv2dMethod::cudnn
                                                                                : Conv2dMethod::direct;
}

/// Slices of the sums over pixels, and the room for their results.
void split(const WeightSums& sums, std::int64_t pixels, const Conv2dPolicy& policy, Conv2dPlan& plan) {
  std::int64_t wanted = 1;
  if (sums.units <= kTickets) {
    const std::int64_t most = (pixels + policy.least_slice_pixels - 1) / policy.least_slice_pixels;
    wanted = std::clamp<std::int64_t>((policy.target_blocks + sums.units - 1) / sums.units, 1,
                                      std::min<std::int64_t>(most, kMaxGridYZ));
  }
  const std::int64_t even = (sums.terms + wanted - 1) / wanted;
  plan.slice = static_cast<int>((even + sums.step - 1) / sums.step * sums.step);
  plan.slices = (sums.terms + plan.slice - 1) / plan.slice;
  plan.workspace_bytes =
      plan.slices == 1 ? 0 : sizeof(float) * static_cast<std::size_t>(sums.units) * sums.elements * plan.slices;
}

}  // namespace

Conv2dPolicy Conv2dPolicy::for_device(int compute_capability) {
  Conv2dPolicy policy;
  policy.tensor_cores = compute_capability >= 80;
  return policy;
}

Status plan_conv2d(const Conv2dProblem& problem, const Conv2dOptions& options, Conv2dPlan* plan) {
  if (const Status status = check(problem); !status.ok()) {
    return status;
  }
  const Conv2dPolicy policy = options.policy.value_or(Conv2dPolicy::for_device(options.compute_capability));
  Conv2dPlan made;
  made.problem = problem;
  made.precision = options.precision;
  made.method = options.method.value_or(prefer(problem, options, policy));
  if (made.method == Conv2dMethod::tensor_cores && !tensor_cores_take(problem, options)) {
    return unsupported("conv2d: tensor cores take gradients of dense convolutions with bits, on sm_80 and newer");
  }
  if (made.method == Conv2dMethod::cudnn) {
    if (!cudnn_takes(problem, options)) {
      return unsupported(
          "conv2d: cuDNN takes dense float convolutions with symmetric zero padding, where it was found and opened");
    }
    const Status status = cudnn::workspace_bytes(problem.pass, problem.dims, *options.handles, &made.workspace_bytes);
    if (status.code == StatusCode::unsupported && !options.method) {
      made.method = Conv2dMethod::direct;  // a shape or device for which cuDNN has no algorithm with fixed order
    } else if (!status.ok()) {
      return status;
    }
  }
  if (made.method != Conv2dMethod::cudnn && problem.pass == Conv2dPass::backward_weight) {
    const Conv2dDims& d = problem.dims;
    split(made.method == Conv2dMethod::direct ? direct_weight_sums(problem) : tensor_weight_sums(d),
          std::int64_t{d.n} * d.oh() * d.ow(), policy, made);
  }
  *plan = made;
  return {};
}

KernelInfo conv2d_info(const Conv2dPlan& plan) {
  const Conv2dDims& d = plan.problem.dims;
  const bool tensor = plan.method == Conv2dMethod::tensor_cores;
  const bool depthwise = plan.problem.depthwise;
  if (plan.method == Conv2dMethod::cudnn) {
    return {.variant = "cudnn"};
  }
  switch (plan.problem.pass) {
    case Conv2dPass::forward:
      return depthwise ? forward_depthwise_info(d) : forward_direct_info(d);
    case Conv2dPass::backward_input:
      return tensor      ? backward_input_tensor_info(d)
             : depthwise ? backward_input_depthwise_info(d)
                         : backward_input_direct_info(d);
    case Conv2dPass::backward_weight:
      break;
  }
  return tensor ? backward_weight_tensor_info(plan) : backward_weight_direct_info(plan);
}

}  // namespace bnas::cuda
