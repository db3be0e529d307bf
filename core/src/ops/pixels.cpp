// SPDX-License-Identifier: Apache-2.0
// Channels and pixels that move: nothing is computed, nothing is kept for backward.
#include <fmt/format.h>

#include "bnas/core/ops/mixture.hpp"
#include "ops/op_support.hpp"

namespace bnas::ops {
namespace {

Shape grid_shape(const Shape& whole, const PixelGrid& grid) {
  return {whole[0], grid.count(whole[1], grid.begin_h), grid.count(whole[2], grid.begin_w), whole[3]};
}

}  // namespace

Var slice_channels(Context& ctx, const Var& x, std::int64_t begin, std::int64_t width) {
  constexpr const char* kOp = "slice_channels";
  require_dtype(kOp, "input", x.value, {DType::f32});
  const std::int64_t channels = x.shape().channels();
  if (begin < 0 || width < 1 || begin + width > channels) {
    fail(kOp, fmt::format("channels {} to {} of {}", begin, begin + width, x.shape().text()));
  }
  if (width == channels) {
    return x;
  }
  Tensor y(ctx.stream, x.shape().with_channels(width), DType::f32);
  dispatch<kernels::SliceChannels>(ctx.stream, x.value, begin, y, GradMode::overwrite);
  return ctx.record(kOp, std::move(y), {x}, {}, [begin](BackwardContext& bw) {
    GradSlot dx = bw.dx(0);
    dispatch<kernels::PlaceChannels>(bw.stream(), bw.dy(), begin, dx.tensor, dx.mode);
  });
}

Var shuffle_channels(Context& ctx, const Var& x, std::int64_t groups) {
  constexpr const char* kOp = "shuffle_channels";
  require_dtype(kOp, "input", x.value, {DType::f32});
  const std::int64_t channels = x.shape().channels();
  if (groups < 1 || channels % groups != 0) {
    fail(kOp, fmt::format("{} groups do not divide the channels of {}", groups, x.shape().text()));
  }
  if (groups == 1 || groups == channels) {
    return x;
  }
  Tensor y(ctx.stream, x.shape(), DType::f32);
  dispatch<kernels::ShuffleChannels>(ctx.stream, x.value, groups, y, GradMode::overwrite);
  return ctx.record(kOp, std::move(y), {x}, {}, [back = channels / groups](BackwardContext& bw) {
    GradSlot dx = bw.dx(0);
    dispatch<kernels::ShuffleChannels>(bw.stream(), bw.dy(), back, dx.tensor, dx.mode);
  });
}

Var take_pixels(Context& ctx, const Var& x, const PixelGrid& grid) {
  constexpr const char* kOp = "take_pixels";
  require_defined(kOp, "input", x.value);
  require_rank(kOp, "input", x.value, 4);
  const Shape& whole = x.shape();
  if (grid.stride < 1 || grid.begin_h < 0 || grid.begin_w < 0 || grid.begin_h >= whole[1] || grid.begin_w >= whole[2]) {
    fail(kOp, fmt::format("a grid of stride {} from ({}, {}) on has no pixel of {}", grid.stride, grid.begin_h,
                          grid.begin_w, whole.text()));
  }
  Tensor y(ctx.stream, grid_shape(whole, grid), x.value.dtype());
  dispatch<kernels::TakePixels>(ctx.stream, x.value, grid, y, GradMode::overwrite);
  Var taken = ctx.record(kOp, std::move(y), {x}, {}, [grid](BackwardContext& bw) {
    GradSlot dx = bw.dx(0);
    if (dx.mode == GradMode::overwrite) {
      dx.tensor.fill(bw.stream(), 0.0F);
    }
    dispatch<kernels::PutPixels>(bw.stream(), bw.dy(), grid, dx.tensor, dx.mode);
  });
  return remade(ctx, std::move(taken), {Saved(x)}, [grid](Stream& stream, const std::vector<Tensor>& parts) {
    Tensor again(stream, grid_shape(parts[0].shape(), grid), parts[0].dtype());
    dispatch<kernels::TakePixels>(stream, parts[0], grid, again, GradMode::overwrite);
    return again;
  });
}

Var merge_pixels(Context& ctx, const std::vector<Var>& parts, int stride, std::int64_t h, std::int64_t w) {
  constexpr const char* kOp = "merge_pixels";
  if (parts.empty() || stride < 1) {
    fail(kOp, fmt::format("{} parts of stride {}", parts.size(), stride));
  }
  std::vector<PixelGrid> grids;
  for (int y = 0; y < stride; ++y) {
    for (int x = 0; x < stride; ++x) {
      if (y < h && x < w) {
        grids.push_back({stride, y, x});
      }
    }
  }
  if (grids.size() != parts.size()) {
    fail(kOp,
         fmt::format("{} parts, expected {} of stride {} in {}x{} pixels", parts.size(), grids.size(), stride, h, w));
  }
  const Shape whole{parts.front().shape()[0], h, w, parts.front().shape().channels()};
  Tensor y(ctx.stream, whole, parts.front().value.dtype());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    require_dtype(kOp, "part", parts[i].value, {y.dtype()});
    require_shape(kOp, "part", parts[i].value, grid_shape(whole, grids[i]));
    dispatch<kernels::PutPixels>(ctx.stream, parts[i].value, grids[i], y, GradMode::overwrite);
  }
  return ctx.record(kOp, std::move(y), parts, {}, [grids](BackwardContext& bw) {
    for (std::size_t i = 0; i < grids.size(); ++i) {
      if (bw.wants(i)) {
        GradSlot dx = bw.dx(i);
        dispatch<kernels::TakePixels>(bw.stream(), bw.dy(), grids[i], dx.tensor, dx.mode);
      }
    }
  });
}

}  // namespace bnas::ops
