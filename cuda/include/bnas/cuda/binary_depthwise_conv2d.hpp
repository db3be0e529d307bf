// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "bnas/cuda/conv_tile.hpp"
#include "bnas/cuda/kernel_info.hpp"
#include "bnas/cuda/status.hpp"

namespace bnas::cuda {

/// Sizes to tune.
struct BinaryDepthwisePolicy {
  int items = 256;               ///< words of 32 channels that a block computes at most
  int words = 4;                 ///< of them at one pixel
  int shared_bytes = 44 * 1024;  ///< at most 48 KiB
  int blocks = 216;              ///< that many are wished for
};

BinaryDepthwisePolicy binary_depthwise_policy(int compute_capability);

struct BinaryDepthwisePlan {
  Status status;
  Conv2dDims dims;
  int shared_bytes = 0;
  ConvTile tile;  ///< its `filters` are words of 32 channels
};

/// dims.o == dims.c, kernel sides up to 255, as far as the window fits into shared memory.
BinaryDepthwisePlan plan_binary_depthwise_conv2d(const Conv2dDims& dims, int compute_capability);
BinaryDepthwisePlan plan_binary_depthwise_conv2d(const Conv2dDims& dims, const BinaryDepthwisePolicy& policy);

KernelInfo binary_depthwise_conv2d_info(const BinaryDepthwisePlan& plan);

/// y = dot products of one filter per channel: x bits (N,H,W,C), w bits (KH,KW,C), y (N,OH,OW,C) of signed bytes for up
/// to 127 taps, else of 16 bits. One launch. Determinism: exact integers.
Status binary_depthwise_conv2d(const BinaryDepthwisePlan& plan, const Word* x, const Word* w, void* y,
                               cudaStream_t stream);

}  // namespace bnas::cuda
