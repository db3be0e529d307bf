// SPDX-License-Identifier: Apache-2.0
// Convolutions of floats and the gradients of every convolution, dense or depthwise, of floats or of packed bits.
//   x (N,H,W,C), w (O,KH,KW,C), y (N,OH,OW,O); depthwise: w (KH,KW,C) and O == C; padding, strides: Conv2dDims.
// A plan is made once per layer from shapes and device alone; launching it costs one kernel.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>
#include <optional>

#include "bnas/cuda/kernel_info.hpp"
#include "bnas/cuda/scratch.hpp"
#include "bnas/cuda/status.hpp"
#include "bnas/portable/dims.hpp"

namespace bnas::cuda {

class Handles;

enum class Conv2dPass : std::uint8_t {
  forward,          ///< y = conv(x, w); taps outside the image read 0, or 1 with one padding
  backward_input,   ///< dx (+)= gradient of sum(dy * y) with respect to x
  backward_weight,  ///< dw (+)= gradient of sum(dy * y) with respect to w
};

enum class Conv2dMethod : std::uint8_t {
  direct,        ///< fused multiply-adds in f32 on CUDA cores: every shape, operand and device
  tensor_cores,  ///< gradients with a packed operand, sm_80 and newer: the bits become +-1 in registers
  cudnn,         ///< floats, f32 without TF32; symmetric zero padding, not depthwise, where cuDNN takes the shape
};

/// How tensor cores read dy: as a sum of bf16 numbers. The other factor, +-1, is exact in bf16, hence so are all
/// products; sums are f32.
enum class Precision : std::uint8_t {
  /// Three terms of 8 significant bits: dy itself where 2^-100 <= |dy| < 3.39e38. Of a smaller one less than 2^-124 is
  /// lost; larger ones and infinities become NaN.
  f32,
  bf16,  ///< one term: relative error up to 2^-8 in each product, a third of the work
};

/// Tuning constants; a benchmark may replace them.
struct Conv2dPolicy {
  int least_channels = 8;        ///< tensor cores: with fewer input or output channels most of a tile would be idle
  int target_blocks = 432;       ///< sums over pixels are split until so many blocks run (four per SM of 108)
  int least_slice_pixels = 256;  ///< but no finer than this
  bool tensor_cores = true;
  static Conv2dPolicy for_device(int compute_capability);
};

struct Conv2dProblem {
  Conv2dPass pass = Conv2dPass::forward;
  Conv2dDims dims;
  bool bits = false;  ///< w is packed; backward_weight: x is packed
  bool depthwise = false;
};

struct Conv2dOptions {
  int compute_capability = 75;  ///< 80 for sm_80
  Precision precision = Precision::f32;
  std::optional<Conv2dMethod> method;  ///< none: the one that the policy prefers
  const Handles* handles = nullptr;    ///< without them cuDNN is not used
  std::optional<Conv2dPolicy> policy;  ///< none: for_device(compute_capability)
};

struct Conv2dPlan {
  Conv2dProblem problem;
  Conv2dMethod method = Conv2dMethod::direct;
  Precision precision = Precision::f32;
  int slices = 1;                   ///< blocks that share each sum over pixels
  int slice = 0;                    ///< pixels (tensor cores) or rows of pixels (direct) of each of them
  std::size_t workspace_bytes = 0;  ///< of Scratch::data
};

/// Fills `plan`. Refuses empty or overflowing shapes and, where options.method asks for one, a method that does not
/// take the problem or the device.
Status plan_conv2d(const Conv2dProblem& problem, const Conv2dOptions& options, Conv2dPlan* plan);

/// `variant` is the name of the kernel; it is "cudnn", and nothing else is known, where that library computes.
KernelInfo conv2d_info(const Conv2dPlan& plan);

/// Floats, or channels packed into words (bnas/portable/bits.hpp); which one the plan says.
struct Operand {
  Operand(const float* values) : floats(values) {}  // NOLINT(google-explicit-constructor): either is an operand
  Operand(const Word* words) : bits(words) {}       // NOLINT(google-explicit-constructor)
  const float* floats = nullptr;
  const Word* bits = nullptr;
};

// Launchers. Results are the same bits for every run, since sums have a fixed order: direct ones that of the taps and
// channels (forward), of taps and filters (backward_input), or of `slices` chains over pixels, which are added in
// order (backward_weight); so do tensor cores, sixteen products at a time, and the cuDNN algorithms that are used.
// `handles` are needed where the plan says cuDNN, and must belong to `stream`.

Status conv2d(const Conv2dPlan& plan, const float* x, Operand w, float* y, const Scratch& scratch, cudaStream_t stream,
              const Handles* handles = nullptr);

Status conv2d_backward_input(const Conv2dPlan& plan, const float* dy, Operand w, float* dx, bool accumulate,
                             const Scratch& scratch, cudaStream_t stream, const Handles* handles = nullptr);

Status conv2d_backward_weight(const Conv2dPlan& plan, const float* dy, Operand x, float* dw, bool accumulate,
                              const Scratch& scratch, cudaStream_t stream, const Handles* handles = nullptr);

}  // namespace bnas::cuda
