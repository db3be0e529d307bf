// SPDX-License-Identifier: Apache-2.0
// Builds that found no cuDNN: no handle is ever available, so that no plan names it, and kernels of our own run.
#include "cudnn/convolution.hpp"

namespace bnas::cuda {

bool built_with_cudnn() { return false; }

namespace cudnn {
namespace {

constexpr Status kAbsent = unsupported("conv2d: this build found no cuDNN");

}  // namespace

Status open(cudaStream_t /*stream*/, cudnnContext** handle) {
  *handle = nullptr;
  return {};
}

void close(cudnnContext* /*handle*/) {}

Status workspace_bytes(Conv2dPass /*pass*/, const Conv2dDims& /*dims*/, const Handles& /*handles*/,
                       std::size_t* /*bytes*/) {
  return kAbsent;
}

Status forward(const Conv2dDims& /*dims*/, const float* /*x*/, const float* /*w*/, float* /*y*/,
               const Scratch& /*scratch*/, const Handles& /*handles*/) {
  return kAbsent;
}

Status backward_input(const Conv2dDims& /*dims*/, const float* /*dy*/, const float* /*w*/, float* /*dx*/,
                      bool /*accumulate*/, const Scratch& /*scratch*/, const Handles& /*handles*/) {
  return kAbsent;
}

Status backward_weight(const Conv2dDims& /*dims*/, const float* /*dy*/, const float* /*x*/, float* /*dw*/,
                       bool /*accumulate*/, const Scratch& /*scratch*/, const Handles& /*handles*/) {
  return kAbsent;
}

}  // namespace cudnn
}  // namespace bnas::cuda
