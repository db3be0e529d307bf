// SPDX-License-Identifier: Apache-2.0
// Device side of operands: rows of floats and of packed bits, read alike.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>

#include "bnas/portable/bits.hpp"

namespace bnas::cuda {

/// (rows, channels) floats.
struct FloatRows {
  const float* data;
  int channels;
  __device__ float at(std::int64_t row, int channel) const { return __ldg(data + row * channels + channel); }
};

/// (rows, channels) bits, read as -1 and +1.
struct BitRows {
  const Word* data;
  int channels;
  __device__ float at(std::int64_t row, int channel) const {
    const Word word = __ldg(data + row * words_for(channels) + channel / kWordBits);
    return bit_value(word >> (channel % kWordBits) & 1U);
  }
};

/// Elements first .. first + kCount - 1 of a row of `size` floats; 0 beyond its end, and where `row` is null.
/// `vectors`: rows begin at multiples of kCount floats and so does `first`.
template <int kCount>
__device__ void load_part(const float* row, int first, int size, bool vectors, float (&out)[kCount]) {
  static_assert(kCount == 2 || kCount == 4, "one 64-bit or 128-bit access");
  if (vectors && row != nullptr && first < size) {
    if constexpr (kCount == 4) {
      const float4 v = __ldg(reinterpret_cast<const float4*>(row + first));
      out[0] = v.x, out[1] = v.y, out[2] = v.z, out[3] = v.w;
    } else {
      const float2 v = __ldg(reinterpret_cast<const float2*>(row + first));
      out[0] = v.x, out[1] = v.y;
    }
    return;
  }
#pragma unroll
  for (int i = 0; i < kCount; ++i) {
    out[i] = row != nullptr && first + i < size ? __ldg(row + first + i) : 0.0F;
  }
}

}  // namespace bnas::cuda
