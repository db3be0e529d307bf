// SPDX-License-Identifier: Apache-2.0
// All that bnas asks of cuDNN, implemented by cudnn/ or, in builds without it, no_cudnn/. f32 NHWC, no TF32,
// deterministic algorithms alone.
#pragma once

#include <cstddef>

#include "bnas/cuda/conv2d.hpp"
#include "bnas/cuda/handles.hpp"

namespace bnas::cuda::cudnn {

/// Leaves *handle null in builds without cuDNN, which is no error.
Status open(cudaStream_t stream, cudnnContext** handle);
void close(cudnnContext* handle);

inline bool available(const Handles* handles) { return handles != nullptr && handles->cudnn() != nullptr; }

Status workspace_bytes(Conv2dPass pass, const Conv2dDims& dims, const Handles& handles, std::size_t* bytes);

Status forward(const Conv2dDims& dims, const float* x, const float* w, float* y, const Scratch& scratch,
               const Handles& handles);
Status backward_input(const Conv2dDims& dims, const float* dy, const float* w, float* dx, bool accumulate,
                      const Scratch& scratch, const Handles& handles);
Status backward_weight(const Conv2dDims& dims, const float* dy, const float* x, float* dw, bool accumulate,
                       const Scratch& scratch, const Handles& handles);

}  // namespace bnas::cuda::cudnn
