// SPDX-License-Identifier: Apache-2.0
// Where the parts of a block's shared memory lie, in bytes.
#pragma once

#include <cstdint>

#include "bnas/cuda/binary_conv2d.hpp"

namespace bnas::cuda {

inline constexpr int kMostThreads = 128;      // of a block: leaves registers for 32 accumulators and their operands
inline constexpr int kLeastBlocks = 4;        // per multiprocessor
inline constexpr int kBitFragmentWords = 8;   // K words of one 1-bit tensor instruction, m16n8k256
inline constexpr int kByteFragmentWords = 4;  // K words that a lane of tensor_s8 loads at once
inline constexpr int kPopcountWeightPad = 4;  // words: rows of weights start 4 banks apart, 16-byte aligned
inline constexpr int kOutputPad = 16;         // bytes: rows of the output tile start in different banks

struct SharedLayout {
  int plane = 0;           // pixels from one channel word's plane of the patch to the next
  int weight_row = 0;      // popcount: words from k to k + 1
  int output_row = 0;      // bytes from pixel to pixel of the output tile
  int pixels = 0;          // three int arrays of tile.pixels(): patch offset, output offset, valid window
  int offsets = 0;         // int per K word: from a pixel's first input to this tap and word
  int patch = 0;           // words [word][pixel], on tensor cores with a plane of zeros behind
  int weights = 0;         // popcount [k][filter]; on tensor cores [fragment][filter][word]
  int ones = 0;            // u16 [kh + 1][kw + 1][filter]: summed-area table of the weights' 1 bits
  int output = 0;          // dots [pixel][filter]
  std::int64_t bytes = 0;  // of all

  SharedLayout(const Conv2dDims& d, const ConvTile& t, BinaryConvVariant variant) {
    const bool fragments = variant != BinaryConvVariant::popcount;
    const bool bits = variant == BinaryConvVariant::tensor_b1;
    const int fragment = bits ? kBitFragmentWords : fragments ? kByteFragmentWords : 1;
    const std::int64_t k = (std::int64_t{d.kh} * d.kw * t.words + fragment - 1) / fragment * fragment;
    plane = t.patch_pixels();
    if (bits && t.words > 1) {
      // A fragment reads 8 pixels of up to 4 planes at once: planes 16 banks apart where there are two, else 8.
      plane = (plane + kWordBits - 1) / kWordBits * kWordBits + (t.words == 2 ? 16 : 8);
    }
    weight_row = t.filters + kPopcountWeightPad;
    output_row = static_cast<int>(aligned(t.filters * dot_bytes(std::int64_t{d.kh} * d.kw * d.c))) + kOutputPad;
    pixels = place(std::int64_t{3} * t.pixels() * sizeof(int));
    offsets = place(k * static_cast<int>(sizeof(int)));
    patch = place(std::int64_t{t.words + (fragments ? 1 : 0)} * plane * sizeof(Word));
    weights = place(k * (fragments ? t.filters : weight_row) * sizeof(Word));
    ones = place(std::int64_t{d.kh + 1} * (d.kw + 1) * t.filters * sizeof(std::uint16_t));
    output = place(std::int64_t{t.pixels()} * output_row);
  }

 private:
  static constexpr std::int64_t aligned(std::int64_t size) { return (size + 15) / 16 * 16; }

  /// The part begins at a multiple of 16 bytes.
  int place(std::int64_t size) {
    const auto begin = static_cast<int>(bytes);  // a layout beyond int is never launched
    bytes += aligned(size);
    return begin;
  }
};

}  // namespace bnas::cuda
