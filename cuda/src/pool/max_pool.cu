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
    store(y, quad_at(pixel, q, d.c), maximum(d, FloatImages{x}, PoolOutput::at(d, pixel), q).value);
  });
}

__global__ void max_pool_bits_kernel(const __grid_constant__ Pool2dDims d, const Word* x, Word* y) {
  const std::int64_t words = words_for(d.c);
  const std::int64_t n = std::int64_t{d.n} * d.oh() * d.ow() * words;
  grid_stride(n, [&](std::int64_t i) {
    const std::int64_t pixel = divide(i, words);
    const PoolOutput out = PoolOutput::at(d, pixel);
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

/// The tile of this block, and the windows over its pixels; empty ranges where no window reaches.
struct Place {
  int n, first_quad, quads;
  Range rows, columns;
  Range oh, ow;

  __device__ Place(const Pool2dDims& d, const Tile& tile) {
    const auto groups = static_cast<unsigned>(tile.groups);
    const auto across = static_cast<unsigned>(tile.across);
    const auto down = static_cast<unsigned>(tile.down);
    const unsigned place = blockIdx.x / groups;
    const unsigned line = place / across;
    n = static_cast<int>(line / down);
    first_quad = static_cast<int>(blockIdx.x % groups) * tile.quads;
    quads = min(tile.quads, quads_of(d.c) - first_quad);
    const int h = static_cast<int>(line % down) * tile.h;
    const int w = static_cast<int>(place % across) * tile.w;
    rows = {h, min(h + tile.h, d.h)};
    columns = {w, min(w + tile.w, d.w)};
    oh = outputs_over(rows.begin, rows.end - 1, d.oh(), d.kh, d.stride_h, d.pad_h);
    ow = outputs_over(columns.begin, columns.end - 1, d.ow(), d.kw, d.stride_w, d.pad_w);
  }
};

/// A pixel's four channels from the windows over it: what those whose maximum it is pass down.
__device__ Four<float> routed(const Pool2dDims& d, const Place& at, const Four<std::uint16_t>* first_maximum,
                              const float* dy, int h, int w, int q, Four<float> sum) {
  const Range over_h = outputs_over(h, h, d.oh(), d.kh, d.stride_h, d.pad_h);
  const Range over_w = outputs_over(w, w, d.ow(), d.kw, d.stride_w, d.pad_w);
  for (int y = over_h.begin; y < over_h.end; ++y) {
    for (int x = over_w.begin; x < over_w.end; ++x) {
      const Range taps_w = tap_columns(d, x);
      const int tap = (h - tap_rows(d, y).begin) * taps_w.size() + w - taps_w.begin;
      const Four<std::uint16_t> winner =
          first_maximum[((y - at.oh.begin) * at.ow.size() + x - at.ow.begin) * at.quads + q];
      const std::int64_t pixel = (std::int64_t{at.n} * d.oh() + y) * d.ow() + x;
      const Four<float> upstream = load(dy, quad_at(pixel, at.first_quad + q, d.c), 0.0F);
#pragma unroll
      for (int k = 0; k < kQuad; ++k) {
        sum.v[k] += winner.v[k] == tap ? upstream.v[k] : 0.0F;
      }
    }
  }
  return sum;
}

/// A block for each tile: first the maxima of all windows over it, then each pixel's share of them, so that no window
/// is searched twice.
template <class Images>
__global__ void __launch_bounds__(kBlockThreads)
    max_pool_backward_kernel(const __grid_constant__ Pool2dDims d, const __grid_constant__ Tile tile, const float* dy,
                             const Images images, float* dx, bool accumulate) {
  extern __shared__ Four<std::uint16_t> first_maximum[];  // [window][quad]
  const Place at(d, tile);
  const int windows = at.oh.size() > 0 && at.ow.size() > 0 ? at.oh.size() * at.ow.size() : 0;
  for (int i = static_cast<int>(threadIdx.x); i < windows * at.quads; i += kBlockThreads) {
    const int window = i / at.quads;
    const PoolOutput out(d, at.n, at.oh.begin + window / at.ow.size(), at.ow.begin + window % at.ow.size());
    const Four<int> tap = maximum(d, images, out, at.first_quad + i % at.quads).tap;
#pragma unroll
    for (int k = 0; k < kQuad; ++k) {
      first_maximum[i].v[k] = static_cast<std::uint16_t>(tap.v[k]);
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.x); i < at.rows.size() * at.columns.size() * at.quads; i += kBlockThreads) {
    const int q = i % at.quads;
    const int h = at.rows.begin + i / at.quads / at.columns.size();
    const int w = at.columns.begin + i / at.quads % at.columns.size();
    const Quad quad = quad_at((std::int64_t{at.n} * d.h + h) * d.w + w, at.first_quad + q, d.c);
    const Four<float> before = accumulate ? load<float>(dx, quad, 0.0F) : Four<float>{};
    store(dx, quad, routed(d, at, first_maximum, dy, h, w, q, before));
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
  constexpr std::int64_t kMostBlocks = (std::int64_t{1} << 31U) - 1;
  const Tile tile = tile_of(d, policy);
  if (std::int64_t{d.kh} * d.kw > kMostTaps || tile.shared_bytes() > 48U * 1024U || tile.blocks(d) > kMostBlocks) {
    return unsupported("max_pool_backward: the window or the number of images is too large");
  }
  const auto blocks = static_cast<unsigned>(tile.blocks(d));
  max_pool_backward_kernel<<<blocks, kBlockThreads, tile.shared_bytes(), stream>>>(d, tile, dy, images, dx, accumulate);
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
