// SPDX-License-Identifier: Apache-2.0
// What the kernels of batch norm share: element types and per-channel constants.
#pragma once

#include "bnas/cuda/batch_norm.hpp"
#include "bnas/portable/batch_norm.hpp"

namespace bnas::cuda {

/// Calls visit(typed pointer) for the numbers of `x`.
template <class Visit>
void visit_numbers(const NumberRows& x, Visit visit) {
  switch (x.type) {
    case NumberType::f32:
      return visit(static_cast<const float*>(x.data));
    case NumberType::i32:
      return visit(static_cast<const std::int32_t*>(x.data));
    case NumberType::i16:
      return visit(static_cast<const std::int16_t*>(x.data));
    case NumberType::i8:
      return visit(static_cast<const std::int8_t*>(x.data));
  }
}

/// Channels whose constants a block keeps in shared memory; gridDim.y counts tiles of them.
inline constexpr int kChannelTile = 256;

struct ChannelTile {
  int first;
  int width;
};

__device__ inline ChannelTile channel_tile(int channels) {
  const int first = static_cast<int>(blockIdx.y) * kChannelTile;
  return {first, channels - first < kChannelTile ? channels - first : kChannelTile};
}

inline dim3 tiled_grid(unsigned blocks, int channels) {
  return dim3(blocks, static_cast<unsigned>((channels + kChannelTile - 1) / kChannelTile));
}

inline bool is_complete(const BatchNormOperands& o) {
  return o.mean != nullptr && o.variance != nullptr && o.gamma != nullptr;
}

}  // namespace bnas::cuda
