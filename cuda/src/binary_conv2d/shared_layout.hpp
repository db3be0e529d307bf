// SPDX-License-Identifier: Apache-2.0
// Where the parts of a block's shared memory lie, in bytes.
#pragma once

#include <algorithm>
#include <cstdint>

#include "binary_conv2d/axis_classes.hpp"
#include "bnas/cuda/binary_conv2d.hpp"

namespace bnas::cuda {

inline constexpr int kMostThreads = 256;      // of a block
inline constexpr int kLeastBlocks = 2;        // per multiprocessor: leaves registers for 32 accumulators and operands
inline constexpr int kBitFragmentWords = 8;   // K words of one 1-bit tensor instruction, m16n8k256
inline constexpr int kByteFragmentWords = 2;  // K words that a lane of tensor_s8 loads at once
inline constexpr int kGroupFilters = 32;      // that a block works on at a time
inline constexpr int kTilePixels = 16;        // of a tensor instruction
inline constexpr int kThreadFilters = 4;      // popcount: one 128-bit load of weights
inline constexpr int kWeightPad = 4;          // words: rows of weights start in different banks, 16-byte aligned
inline constexpr int kOutputPad = 16;         // bytes: rows of staged outputs start in different banks

struct SharedLayout {
  int plane = 0;           // pixels from one channel word's plane of the patch to the next
  int weight_row = 0;      // words from one row of weights to the next
  int output_row = 0;      // tensor cores: bytes from pixel to pixel of staged outputs
  int pixels = 0;          // three int arrays of tile.pixels()
  int offsets = 0;         // int per K word: from a pixel's first input to this tap and word
  int patch = 0;           // words [word][pixel], on tensor cores with a plane of zeros behind
  int weights = 0;         // popcount: rows [k], of filters; on tensor cores rows [fragment], of [filter][word]
  int ones = 0;            // u16 [kh][kw + 1][filter]: 1 bits of the weights in a row of taps, left of the second index
  int base = 0;            // int [class of windows][filter]: what does not depend on the input of a dot product
  int output = 0;          // dots; popcount: [pixel][filter]; on tensor cores [unit][pixel of the unit][filter]
  int moments = 0;         // int64 [group][part][sum, sum of squares][filter of the group]
  std::int64_t bytes = 0;  // of all

  SharedLayout(const Conv2dDims& d, const ConvTile& t, BinaryConvVariant variant, int threads) {
    const bool fragments = variant != BinaryConvVariant::popcount;
    const bool bits = variant == BinaryConvVariant::tensor_b1;
    const bool chunked = t.words < words_for(d.c);
    const int fragment = bits ? kBitFragmentWords : fragments ? kByteFragmentWords : 1;
    const std::int64_t rows = (std::int64_t{d.kh} * d.kw * t.words + fragment - 1) / fragment;
    const int groups = (t.filters + kGroupFilters - 1) / kGroupFilters;
    const int group = std::min(t.filters, kGroupFilters);
    const int dot = dot_bytes(d.k());
    plane = t.patch_pixels();
    if (bits && t.words > 1) {
      // A fragment reads 8 pixels of up to 4 planes at once: planes 16 banks apart where there are two, else 8.
      plane = (plane + kWordBits - 1) / kWordBits * kWordBits + (t.words == 2 ? 16 : 8);
    }
    weight_row = t.filters * fragment + std::max(fragment, kWeightPad);
    output_row = static_cast<int>(aligned(group * dot)) + kOutputPad;
    pixels = place(std::int64_t{3} * t.pixels() * sizeof(int));
    offsets = place(rows * fragment * static_cast<int>(sizeof(int)));
    patch = place(std::int64_t{t.words + (fragments ? 1 : 0)} * plane * sizeof(Word));
    weights = place(rows * weight_row * sizeof(Word));
    ones = place(std::int64_t{d.kh} * (d.kw + 1) * t.filters * sizeof(std::uint16_t));
    base = place(std::int64_t{AxisClasses::of_rows(d).most(t.rows)} * AxisClasses::of_columns(d).most(t.cols) *
                 t.filters * static_cast<int>(sizeof(int)));
    if (fragments) {
      const int warps = threads / kWordBits;
      const int units = (t.pixels() + kTilePixels - 1) / kTilePixels * groups;
      output = place(std::int64_t{chunked ? units : warps} * kTilePixels * output_row);
      moments = place(std::int64_t{groups} * warps * 2 * kGroupFilters * sizeof(std::int64_t));
    } else {
      output = place(chunked ? std::int64_t{t.pixels()} * t.filters * dot : 0);
      moments = place(std::int64_t{groups} * threads * 2 * kThreadFilters * sizeof(std::int64_t));
    }
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
