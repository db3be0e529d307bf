// SPDX-License-Identifier: Apache-2.0
// Convolution of bits with bits: exact integer dot products (docs/bits.md). One launch.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "bnas/cuda/conv_tile.hpp"
#include "bnas/cuda/kernel_info.hpp"
#include "bnas/cuda/scratch.hpp"
#include "bnas/cuda/status.hpp"

namespace bnas::cuda {

/// All give the same integers.
enum class BinaryConvVariant : std::uint8_t {
  automatic,  ///< chosen from shape and compute capability
  popcount,   ///< XOR and population count: few channels, any GPU
  tensor_b1,  ///< 1-bit tensor cores, up to compute capability 9.0: later ones have no such instruction
  tensor_s8,  ///< bits that become bytes in registers, 8-bit integer tensor cores
};

/// Sizes to tune.
struct BinaryConvPolicy {
  int pixels = 512;              ///< output pixels of a block at most
  int filters = 32;              ///< output channels of a block, a multiple of 32
  int threads = 128;             ///< a multiple of 32, at most 256
  int shared_bytes = 44 * 1024;  ///< dynamic ones; 16 more are static, and a GPU has from 64 KiB up for a block
  int blocks = 216;              ///< that many are wished for: two for each of 108 multiprocessors
  int tensor_channels = 32;      ///< input channels from which tensor cores pay
};

BinaryConvPolicy binary_conv2d_policy(BinaryConvVariant variant, int compute_capability);

/// A choice of variant and tile; `status` says why there is none.
struct BinaryConvPlan {
  Status status;
  Conv2dDims dims;
  BinaryConvVariant variant = BinaryConvVariant::popcount;
  int compute_capability = 0;
  int threads = 0;
  int shared_bytes = 0;
  ConvTile tile;
};

/// `compute_capability` is 10 major + minor: 75, 80, 90, 100, 120. Kernel sides up to 255, dims.k() below 2^31.
BinaryConvPlan plan_binary_conv2d(const Conv2dDims& dims, int compute_capability);
BinaryConvPlan plan_binary_conv2d(const Conv2dDims& dims, int compute_capability, BinaryConvVariant variant);
BinaryConvPlan plan_binary_conv2d(const Conv2dDims& dims, int compute_capability, BinaryConvVariant variant,
                                  const BinaryConvPolicy& policy);

KernelInfo binary_conv2d_info(const BinaryConvPlan& plan);

/// Bytes of an element of y: 1 for k <= 127, 2 for k <= 32767, else 4.
constexpr int dot_bytes(std::int64_t k) { return k <= 127 ? 1 : k <= 32767 ? 2 : 4; }

/// y = conv(x, w): x bits (N,H,W,C), w bits (O,KH,KW,C), y signed integers of dot_bytes(dims.k()) bytes (N,OH,OW,O).
/// Where `sums` (2 O) is not null, sums[o] += sum of y and sums[O + o] += sum of y^2 over the pixels of filter o.
/// Determinism: exact integers, the same bits from every variant, device and order of blocks.
Status binary_conv2d(const BinaryConvPlan& plan, const Word* x, const Word* w, void* y, std::int64_t* sums,
                     cudaStream_t stream);

/// The same, but `sums` are overwritten: blocks add in scratch.accumulators, and the last block of a filter takes its
/// sums from there. Needs scratch.tickets too. With more than kAccumulators / 2 filters `sums` are set to zero before
/// the launch instead.
Status binary_conv2d(const BinaryConvPlan& plan, const Word* x, const Word* w, void* y, std::int64_t* sums,
                     const Scratch& scratch, cudaStream_t stream);

}  // namespace bnas::cuda
