// SPDX-License-Identifier: Apache-2.0
// How threads share rows of packed channels: eight neighbours take a word, four channels each, so that they read or
// write 128 bits of floats at once.
#pragma once

#include "bnas/portable/bits.hpp"
#include "support/divide.cuh"
#include "support/launch.cuh"

namespace bnas::cuda {

inline constexpr int kQuad = 4;                         // channels of a thread
inline constexpr int kWordThreads = kWordBits / kQuad;  // threads of a word

/// Four channels of a row: elements [element, element + count) of the unpacked array, bits [shift, shift + count) of
/// packed word `word`. `whole` ones may be moved as one vector.
struct Quad {
  std::int64_t word;
  std::int64_t element;
  int shift;
  int count;  // 0 beyond the channels and beyond the rows
  bool whole;
};

/// Calls visit(quad) for this thread's share. All threads of a warp make the same number of calls.
template <class Visit>
__device__ void for_each_quad(std::int64_t rows, std::int64_t channels, Visit visit) {
  const std::int64_t words = words_for(channels);
  const std::int64_t threads = rows * words * kWordThreads;
  const std::int64_t whole_warps = (threads + kWordBits - 1) / kWordBits * kWordBits;
  grid_stride(whole_warps, [&](std::int64_t i) {
    const std::int64_t word = i / kWordThreads;
    const std::int64_t row = words == 1 ? word : divide(word, words);
    const int shift = static_cast<int>(i % kWordThreads) * kQuad;
    const std::int64_t channel = (word - row * words) * kWordBits + shift;
    const std::int64_t left = i < threads ? channels - channel : 0;
    const int count = static_cast<int>(left < 0 ? 0 : left > kQuad ? kQuad : left);
    visit(Quad{word, row * channels + channel, shift, count, channels % kQuad == 0 && count == kQuad});
  });
}

/// Blocks that cover the threads of for_each_quad.
inline unsigned quad_blocks(std::int64_t rows, std::int64_t channels) {
  return blocks_for(rows * words_for(channels) * kWordThreads);
}

/// Four values of T that are moved at once.
template <class T>
struct alignas(4 * sizeof(T)) Four {
  T v[kQuad];
};

/// The quad's values, `rest` in place of those beyond the channels. `x` is aligned to a vector.
template <class T>
__device__ Four<T> load(const T* x, const Quad& quad, T rest) {
  if (quad.whole) {
    return *reinterpret_cast<const Four<T>*>(x + quad.element);
  }
  Four<T> four;
#pragma unroll
  for (int i = 0; i < kQuad; ++i) {
    four.v[i] = i < quad.count ? x[quad.element + i] : rest;
  }
  return four;
}

template <class T>
__device__ void store(T* y, const Quad& quad, const Four<T>& four) {
  if (quad.whole) {
    *reinterpret_cast<Four<T>*>(y + quad.element) = four;
    return;
  }
#pragma unroll
  for (int i = 0; i < kQuad; ++i) {
    if (i < quad.count) {
      y[quad.element + i] = four.v[i];
    }
  }
}

/// The word of which each of eight neighbouring threads holds four bits, moved to their place; every lane of the warp
/// calls it.
__device__ inline Word join_bits(Word bits) {
  for (int lanes = 1; lanes < kWordThreads; lanes *= 2) {
    bits |= __shfl_xor_sync(~0U, bits, lanes);
  }
  return bits;
}

}  // namespace bnas::cuda
