// SPDX-License-Identifier: Apache-2.0
// Nothing is summed over channels, so the 32 channels of a word are counted side by side, in bit planes.
#include "bnas/cuda/binary_depthwise_conv2d.hpp"

#include <limits>

#include "support/bit_counter.cuh"
#include "support/conv_patch.cuh"
#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

constexpr int kThreads = 128;
constexpr int kLongestSide = 255;  // sides of valid windows are kept in bytes
constexpr int kMostNarrowTaps = 127;
constexpr int kMostTaps = 32767;
constexpr int kQuadChannels = 4;

/// Planes that hold a count of `taps`; the kernels that exist.
constexpr int planes_for(int taps) { return taps <= 15 ? 4 : taps <= kMostNarrowTaps ? 7 : 15; }

/// Where the parts of shared memory begin, in words.
struct Layout {
  int offsets = 0;  // per tap: from a pixel's first input to this tap
  int weights = 0;  // [tap][word]
  int inside = 0;   // per patch pixel: all ones where it counts
  int patch = 0;    // [word][pixel]
  int planes = 0;   // [plane][item]
  std::int64_t total = 0;

  Layout(const Conv2dDims& d, const ConvTile& t) {
    const std::int64_t taps = std::int64_t{d.kh} * d.kw;
    total = 3 * t.pixels();  // the pixel table
    offsets = place(taps);
    weights = place(taps * t.filters);
    inside = place(t.patch_pixels());
    patch = place(std::int64_t{t.patch_pixels()} * t.filters);
    planes = place(std::int64_t{t.pixels()} * t.filters * planes_for(d.kh * d.kw));
  }

 private:
  int place(std::int64_t words) {
    const auto begin = static_cast<int>(total);  // a layout beyond int is never launched
    total += words;
    return begin;
  }
};

struct Args {
  Conv2dDims dims;  // o counts words of channels
  ConvTile tile;
  Layout layout;
  const Word* x;
  const Word* w;
  void* y;
};

/// Four bits to the lowest bits of four bytes: bit i moves by 7 i.
__device__ Word spread_nibble(Word nibble) { return nibble * 0x00204081U & 0x01010101U; }

/// a - b in each of four bytes.
__device__ Word subtract_bytes(Word a, Word b) {
  constexpr Word kHigh = 0x80808080U;
  return ((a | kHigh) - (b & ~kHigh)) ^ ((a ^ ~b) & kHigh);
}

/// Dot products taps - 2 count of channels [shift, shift + 4) of an item, `count` of them, to y.
template <int kPlanes>
__device__ void write_dots(const Word* planes, int items, int shift, int taps, int count, std::int8_t* y) {
  Word counts = 0U;
#pragma unroll
  for (int p = 0; p < kPlanes; ++p) {
    counts += spread_nibble(planes[p * items] >> shift & 15U) << p;
  }
  const Word dots = subtract_bytes(static_cast<Word>(taps) * 0x01010101U, counts << 1U & 0xFEFEFEFEU);
  if (count == kQuadChannels && reinterpret_cast<std::uintptr_t>(y) % sizeof(Word) == 0) {
    *reinterpret_cast<Word*>(y) = dots;
    return;
  }
  for (int i = 0; i < count; ++i) {
    y[i] = static_cast<std::int8_t>(dots >> (8 * i));
  }
}
template <int kPlanes>
__device__ void write_dots(const Word* planes, int items, int shift, int taps, int count, std::int16_t* y) {
  for (int i = 0; i < count; ++i) {
    int mismatches = 0;
#pragma unroll
    for (int p = 0; p < kPlanes; ++p) {
      mismatches += static_cast<int>(planes[p * items] >> (shift + i) & 1U) << p;
    }
    y[i] = static_cast<std::int16_t>(dot_from_mismatches(taps, mismatches));
  }
}

template <class T, int kPlanes>
__global__ void __launch_bounds__(kThreads) binary_depthwise_conv2d_sliced_kernel(const __grid_constant__ Args args) {
  extern __shared__ Word shared[];
  const Conv2dDims& d = args.dims;
  const ConvTile& t = args.tile;
  const BlockPart part = block_part(d, t, d.oh(), d.ow());
  const PixelTable pixels(shared, t.pixels());
  auto* offsets = reinterpret_cast<int*>(shared + args.layout.offsets);
  Word* weights = shared + args.layout.weights;
  Word* inside = shared + args.layout.inside;
  Word* patch = shared + args.layout.patch;
  Word* planes = shared + args.layout.planes;
  const int taps = d.kh * d.kw;
  const int words = part.filters;
  const int plane = t.patch_pixels();
  const auto thread = static_cast<int>(threadIdx.x);

  pixels.fill(d, t, part);
  for (int i = thread; i < taps; i += kThreads) {
    offsets[i] = i / d.kw * t.patch_w + i % d.kw;
  }
  for (int i = thread; i < taps * words; i += kThreads) {
    weights[i] = args.w[std::int64_t{i / words} * d.o + part.o + i % words];
  }
  for_each_patch_word(d, t, part, part.o, words, [&](int pixel, int word, std::int64_t where) {
    patch[word * plane + pixel] = where < 0 ? 0U : args.x[where];
    if (word == 0) {
      inside[pixel] = where >= 0 || d.pad_value == PadValue::one ? ~0U : 0U;
    }
  });
  __syncthreads();

  // Items are (pixel, word): neighbours in y.
  const int items = part.pixels() * words;
  for (int item = thread; item < items; item += kThreads) {
    const int word = item % words;
    const int first = pixels.patch[item / words];
    const Word* const x = patch + word * plane + first;
    const Word* const counts_here = inside + first;
    BitCounter<kPlanes> mismatches;
    for (int tap = 0; tap < taps; tap += 4) {
      Word differ[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        differ[i] = 0U;
        if (tap + i < taps) {
          const int offset = offsets[tap + i];
          differ[i] = (x[offset] ^ weights[(tap + i) * words + word]) & counts_here[offset];
        }
      }
      mismatches.add(differ);
    }
#pragma unroll
    for (int p = 0; p < kPlanes; ++p) {
      planes[p * items + item] = mismatches.plane[p];
    }
  }
  __syncthreads();

  constexpr int kQuads = kWordBits / kQuadChannels;
  const std::int64_t first_pixel = (std::int64_t{part.n} * d.oh() + part.oy) * d.ow() + part.ox;
  T* y = static_cast<T*>(args.y) + first_pixel * d.c + part.o * kWordBits;
  for (int i = thread; i < items * kQuads; i += kThreads) {
    const int item = i / kQuads;
    const int pixel = item / words;
    const int shift = i % kQuads * kQuadChannels;
    const int channel = item % words * kWordBits + shift;
    const int count = min(kQuadChannels, d.c - part.o * kWordBits - channel);
    if (count > 0) {
      write_dots<kPlanes>(planes + item, items, shift, Window::unpacked(pixels.window[pixel]).taps(), count,
                          y + std::int64_t{pixels.output[pixel]} * d.c + channel);
    }
  }
}

Conv2dDims by_words(Conv2dDims d) {
  d.o = static_cast<int>(words_for(d.c));
  return d;
}

int output_bytes(const Conv2dDims& d) { return d.kh * d.kw <= kMostNarrowTaps ? 1 : 2; }

Status check(const Conv2dDims& d) {
  if (d.n < 1 || d.h < 1 || d.w < 1 || d.c < 1 || d.kh < 1 || d.kw < 1 || d.stride_h < 1 || d.stride_w < 1) {
    return invalid_argument("binary_depthwise_conv2d: every dimension and stride must be at least 1");
  }
  if (d.o != d.c) {
    return invalid_argument("binary_depthwise_conv2d: o and c differ");
  }
  if (d.h + d.pad_h.begin + d.pad_h.end < d.kh || d.w + d.pad_w.begin + d.pad_w.end < d.kw) {
    return invalid_argument("binary_depthwise_conv2d: the kernel is larger than the padded image");
  }
  if (d.kh > kLongestSide || d.kw > kLongestSide || d.kh * d.kw > kMostTaps) {
    return unsupported("binary_depthwise_conv2d: a side is longer than 255 or there are more than 32767 taps");
  }
  return {};
}

}  // namespace

BinaryDepthwisePolicy binary_depthwise_policy(int /*compute_capability*/) { return {}; }

BinaryDepthwisePlan plan_binary_depthwise_conv2d(const Conv2dDims& dims, int compute_capability) {
  return plan_binary_depthwise_conv2d(dims, binary_depthwise_policy(compute_capability));
}

BinaryDepthwisePlan plan_binary_depthwise_conv2d(const Conv2dDims& dims, const BinaryDepthwisePolicy& policy) {
  BinaryDepthwisePlan plan{.status = check(dims), .dims = dims, .tile = {}};
  if (plan.status.ok() && (policy.words < 1 || policy.items < policy.words)) {
    plan.status = invalid_argument("binary_depthwise_conv2d: a policy without items");
  }
  if (!plan.status.ok()) {
    return plan;
  }
  const Conv2dDims d = by_words(dims);
  const auto bytes = [&] { return Layout(d, plan.tile).total * static_cast<std::int64_t>(sizeof(Word)); };
  int words = std::min(d.o, policy.words);
  plan.tile = conv_tile(d, policy.items / words, words);
  while (bytes() > policy.shared_bytes) {
    if (shrink(d, plan.tile)) {
      continue;
    }
    if (words == 1) {
      plan.status = unsupported("binary_depthwise_conv2d: the kernel's window does not fit into shared memory");
      return plan;
    }
    words /= 2;
    plan.tile = conv_tile(d, policy.items / words, words);
  }
  spread(d, policy.blocks, kWordBits * output_bytes(d), plan.tile);
  if (plan.tile.blocks() > std::numeric_limits<std::int32_t>::max()) {
    plan.status = unsupported("binary_depthwise_conv2d: more than 2^31 - 1 blocks");
  }
  plan.shared_bytes = static_cast<int>(bytes());
  return plan;
}

KernelInfo binary_depthwise_conv2d_info(const BinaryDepthwisePlan& plan) {
  return {.variant = "sliced: carry-save counters",
          .blocks = static_cast<int>(plan.tile.blocks()),
          .threads = kThreads,
          .shared_bytes = plan.shared_bytes,
          .tile_pixels = plan.tile.pixels(),
          .tile_filters = plan.tile.filters * kWordBits};
}

Status binary_depthwise_conv2d(const BinaryDepthwisePlan& plan, const Word* x, const Word* w, void* y,
                               cudaStream_t stream) {
  if (!plan.status.ok()) {
    return plan.status;
  }
  if (x == nullptr || w == nullptr || y == nullptr) {
    return invalid_argument("binary_depthwise_conv2d: x, w or y is null");
  }
  const Conv2dDims d = by_words(plan.dims);
  const Args args{d, plan.tile, Layout(d, plan.tile), x, w, y};
  const auto launch = [&](auto kernel) {
    kernel<<<static_cast<unsigned>(plan.tile.blocks()), kThreads, static_cast<std::size_t>(plan.shared_bytes),
             stream>>>(args);
    return launched("binary_depthwise_conv2d");
  };
  switch (planes_for(d.kh * d.kw)) {
    case 4:
      return launch(binary_depthwise_conv2d_sliced_kernel<std::int8_t, 4>);
    case 7:
      return launch(binary_depthwise_conv2d_sliced_kernel<std::int8_t, 7>);
    default:
      return launch(binary_depthwise_conv2d_sliced_kernel<std::int16_t, 15>);
  }
}

}  // namespace bnas::cuda
