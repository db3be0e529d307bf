// SPDX-License-Identifier: Apache-2.0
#include "pool/window.cuh"

namespace bnas::cuda {
namespace {

/// The largest values of a window and where they are first, counted over its taps inside the image.
struct Maximum {
  Four<float> value;
  Four<int> tap;
};

template <class Images>
__device__ Maximum maximum(const Pool2dDims& d, const Images& images, const PoolOutput& out, int q) {
  Maximum best{};
  int tap = 0;
  for (int h = out.rows.begin; h < out.rows.end; ++h) {
    for (int w = out.columns.begin; w < out.columns.end; ++w, ++tap) {
      const Four<float> four = images(quad_at(out.image + std::int64_t{h} * d.w + w, q, d.c));
#pragma unroll
      for (int i = 0; i < kQuad; ++i) {
        if (tap == 0 || four.v[i] > best.value.v[i]) {
          best.value.v[i] = four.v[i];
          best.tap.v[i] = tap;
        }
      }
    }
  }
  return best;
}

__global__ void max_pool_floats_kernel(const __grid_constant__ Pool2dDims d, const float* x, float* y) {
  const int quads = quads_of(d.c);
  const std::int64_t n = std::int64_t{d.n} * d.oh() * d.ow() * quads;
  grid_stride(n, [&](std::int64_t i) {
    const std::int64_t pixel = divide(i, quads);
    const auto q = static_cast<int>(i - pixel * quads);
    store(y, quad_at(pixel, q, d.c), maximum(d, FloatImages{x}, PoolOutput(d, pixel), q).value);
  });
}

__global__ void max_pool_bits_kernel(const __grid_constant__ Pool2dDims d, const Word* x, Word* y) {
  const std::int64_t words = words_for(d.c);
  const std::int64_t n = std::int64_t{d.n} * d.oh() * d.ow() * words;
  grid_stride(n, [&](std::int64_t i) {
    const std::int64_t pixel = divide(i, words);
    const PoolOutput out(d, pixel);
    Word all_negative = ~0U;
    for (int h = out.rows.begin; h < out.rows.end; ++h) {
      for (int w = out.columns.begin; w < out.columns.end; ++w) {
        all_negative &= x[(out.image + std::int64_t{h} * d.w + w) * words + i - pixel * words];
      }
    }
    y[i] = all_negative;
  });
}

/// A block's part of dx: pixels of one image in a tile, some of its quads of channels.
struct Tile {
  int h, w;                  // pixels
  int quads;                 // of channels
  int windows;               // over the tile at most
  int across, down, groups;  // tiles of an image, and of its channels

  std::int64_t blocks(const Pool2dDims& d) const { return std::int64_t{d.n} * down * across * groups; }
  std::size_t shared_bytes() const { return static_cast<std::size_t>(windows) * quads * sizeof(Four<std::uint16_t>); }
};

/// First the maxima of all windows over the tile, then each pixel's share of them: no window is searched twice.
template <class Images>
__global__ void __launch_bounds__(kBlockThreads)
    max_pool_backward_kernel(const __grid_constant__ Pool2dDims d, const __grid_constant__ Tile tile, const float* dy,
                             const Images images, float* dx, bool accumulate, std::int64_t blocks) {
  extern __shared__ Four<std::uint16_t> first_maximum[];  // [window][quad]
  for (std::int64_t block = blockIdx.x; block < blocks; block += gridDim.x) {
    const std::int64_t place = divide(block, tile.groups);
    const std::int64_t line = divide(place, tile.across);
    const std::int64_t n = divide(line, tile.down);
    const int first_quad = static_cast<int>(block - place * tile.groups) * tile.quads;
    const int quads = min(tile.quads, quads_of(d.c) - first_quad);
    const Range rows{static_cast<int>(line - n * tile.down) * tile.h,
                     min(static_cast<int>(line - n * tile.down + 1) * tile.h, d.h)};
    const Range columns{static_cast<int>(place - line * tile.across) * tile.w,
                        min(static_cast<int>(place - line * tile.across + 1) * tile.w, d.w)};
    const Range oh = outputs_over(rows.begin, rows.end - 1, d.oh(), d.kh, d.stride_h, d.pad_h);
    const Range ow = outputs_over(columns.begin, columns.end - 1, d.ow(), d.kw, d.stride_w, d.pad_w);
    const int wide = max(ow.size(), 0);
    const std::int64_t first_output = n * d.oh() * d.ow();

    for (int i = static_cast<int>(threadIdx.x); i < max(oh.size(), 0) * wide * quads; i += kBlockThreads) {
      const int window = i / quads;
      const std::int64_t pixel =
          first_output + std::int64_t{oh.begin + window / wide} * d.ow() + ow.begin + window % wide;
      const Four<int> tap = maximum(d, images, PoolOutput(d, pixel), first_quad + i % quads).tap;
#pragma unroll
      for (int k = 0; k < kQuad; ++k) {
        first_maximum[i].v[k] = static_cast<std::uint16_t>(tap.v[k]);
      }
    }
    __syncthreads();
    for (int i = static_cast<int>(threadIdx.x); i < rows.size() * columns.size() * quads; i += kBlockThreads) {
      const int q = i % quads;
      const int h = rows.begin + i / quads / columns.size();
      const int w = columns.begin + i / quads % columns.size();
      const Quad quad = quad_at((n * d.h + h) * d.w + w, first_quad + q, d.c);
      Four<float> sum = accumulate ? load<float>(dx, quad, 0.0F) : Four<float>{};
      const Range over_h = outputs_over(h, h, d.oh(), d.kh, d.stride_h, d.pad_h);
      const Range over_w = outputs_over(w, w, d.ow(), d.kw, d.stride_w, d.pad_w);
      for (int y = over_h.begin; y < over_h.end; ++y) {
        for (int x = over_w.begin; x < over_w.end; ++x) {
          const Range taps_h = tap_rows(d, y);
          const Range taps_w = tap_columns(d, x);
          const int tap = (h - taps_h.begin) * taps_w.size() + w - taps_w.begin;
          const Four<std::uint16_t> winner = first_maximum[((y - oh.begin) * wide + x - ow.begin) * quads + q];
          const Four<float> upstream =
              load(dy, quad_at(first_output + std::int64_t{y} * d.ow() + x, first_quad + q, d.c), 0.0F);
#pragma unroll
          for (int k = 0; k < kQuad; ++k) {
            sum.v[k] += winner.v[k] == tap ? upstream.v[k] : 0.0F;
          }
        }
      }
      store(dx, quad, sum);
    }
    __syncthreads();  // before the next tile's maxima
  }
}

Tile tile_of(const Pool2dDims& d, const MaxPoolPolicy& policy) {
  Tile t{};
  t.h = std::max(1, std::min(policy.tile_h, d.h));
  t.w = std::max(1, std::min(policy.tile_w, d.w));
  t.quads = std::min(quads_of(d.c), kWordThreads);
  const auto windows = [&] {
    const int over_h = (t.h + d.kh - 2) / d.stride_h + 1;
    const int over_w = (t.w + d.kw - 2) / d.stride_w + 1;
    return std::min(over_h, d.oh()) * std::min(over_w, d.ow());
  };
  t.windows = windows();
  while (t.shared_bytes() > static_cast<std::size_t>(policy.shared_bytes) && t.h * t.w * t.quads > 1) {
    int& longest = t.quads > std::max(t.h, t.w) ? t.quads : t.h > t.w ? t.h : t.w;
    longest = (longest + 1) / 2;
    t.windows = windows();
  }
  t.down = (d.h + t.h - 1) / t.h;
  t.across = (d.w + t.w - 1) / t.w;
  t.groups = (quads_of(d.c) + t.quads - 1) / t.quads;
  return t;
}

template <class Images>
Status launch_backward(const float* dy, const Images& images, const Pool2dDims& d, float* dx, bool accumulate,
                       cudaStream_t stream, const MaxPoolPolicy& policy) {
  if (!is_valid(d) || dy == nullptr || images.x == nullptr || dx == nullptr) {
    return invalid_argument("max_pool_backward: an array is null, or a window lies outside the image");
  }
  constexpr std::int64_t kMostTaps = 65535;
  const Tile tile = tile_of(d, policy);
  if (std::int64_t{d.kh} * d.kw > kMostTaps || tile.shared_bytes() > 48U * 1024U) {
    return unsupported("max_pool_backward: the window has too many taps");
  }
  const std::int64_t blocks = tile.blocks(d);
  max_pool_backward_kernel<<<blocks_for(blocks, 1), kBlockThreads, tile.shared_bytes(), stream>>>(
      d, tile, dy, images, dx, accumulate, blocks);
  return launched("max_pool_backward");
}

}  // namespace

Status max_pool(const float* x, const Pool2dDims& dims, float* y, cudaStream_t stream) {
  if (!is_valid(dims) || x == nullptr || y == nullptr) {
    return invalid_argument("max_pool: an array is null, or a window lies outside the image");
  }
  max_pool_floats_kernel<<<blocks_for(output_pixels(dims) * quads_of(dims.c)), kBlockThreads, 0, stream>>>(dims, x, y);
  return launched("max_pool");
}

Status max_pool(const Word* x, const Pool2dDims& dims, Word* y, cudaStream_t stream) {
  if (!is_valid(dims) || x == nullptr || y == nullptr) {
    return invalid_argument("max_pool: an array is null, or a window lies outside the image");
  }
  max_pool_bits_kernel<<<blocks_for(output_pixels(dims) * words_for(dims.c)), kBlockThreads, 0, stream>>>(dims, x, y);
  return launched("max_pool");
}

Status max_pool_backward(const float* dy, const float* x, const Pool2dDims& dims, float* dx, bool accumulate,
                         cudaStream_t stream, const MaxPoolPolicy& policy) {
  return launch_backward(dy, FloatImages{x}, dims, dx, accumulate, stream, policy);
}

Status max_pool_backward(const float* dy, const Word* x, const Pool2dDims& dims, float* dx, bool accumulate,
                         cudaStream_t stream, const MaxPoolPolicy& policy) {
  return launch_backward(dy, BitImages{x}, dims, dx, accumulate, stream, policy);
}

}  // namespace bnas::cuda
