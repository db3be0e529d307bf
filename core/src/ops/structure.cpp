// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/ops/structure.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "bnas/core/kernels/pool.hpp"
#include "bnas/core/ops/binary.hpp"
#include "ops/op_support.hpp"

namespace bnas::ops {
namespace {

Var average(Context& ctx, const char* op, const Var& x, const Pool2dDims& dims, const Shape& y_shape) {
  require_dtype(op, "input", x.value, {DType::f32, DType::bit});
  Tensor y(ctx.stream, {dims.n, dims.oh(), dims.ow(), dims.c}, DType::f32);
  dispatch<kernels::AvgPool>(ctx.stream, x.value, dims, y);
  Var result = ctx.record(op, y.reshaped(y_shape), {x}, {}, [dims](BackwardContext& bw) {
    GradSlot dx = bw.dx(0);
    dispatch<kernels::AvgPoolBackward>(bw.stream(), bw.dy().reshaped({dims.n, dims.oh(), dims.ow(), dims.c}), dims,
                                       dx.tensor, dx.mode);
  });
  if (y.numel() < x.value.numel()) {  // smaller than what it is made of
    return result;
  }
  return remade(ctx, std::move(result), {Saved(x)}, [dims, y_shape](Stream& stream, const std::vector<Tensor>& parts) {
    Tensor again(stream, {dims.n, dims.oh(), dims.ow(), dims.c}, DType::f32);
    dispatch<kernels::AvgPool>(stream, parts[0], dims, again);
    return again.reshaped(y_shape);
  });
}

/// A map whose gradient needs its result alone.
template <class Forward, class Backward>
Var map_by_result(Context& ctx, const Var& x) {
  require_dtype(Forward::name, "input", x.value, {DType::f32});
  Var y{Tensor(ctx.stream, x.shape(), DType::f32)};
  dispatch<Forward>(ctx.stream, x.value, y.value);
  if (x.remake) {
    y = remade(ctx, std::move(y), {Saved(x)}, [](Stream& stream, const std::vector<Tensor>& parts) {
      Tensor again(stream, parts[0].shape(), DType::f32);
      dispatch<Forward>(stream, parts[0], again);
      return again;
    });
  }
  Var result = ctx.record(Forward::name, y.value, {x}, {Saved(y)}, [](BackwardContext& bw) {
    GradSlot dx = bw.dx(0);
    dispatch<Backward>(bw.stream(), bw.dy(), bw.saved(0), dx.tensor, dx.mode);
  });
  result.remake = std::move(y.remake);
  return result;
}

/// x, read as `matrices` (N,A,B), with the last two axes exchanged; the result is given the shape `out`.
Var exchange_axes(Context& ctx, const char* op, const Var& x, const Shape& matrices, const Shape& out) {
  const Shape exchanged{matrices[0], matrices[2], matrices[1]};
  Tensor y(ctx.stream, exchanged, DType::f32);
  dispatch<kernels::Transpose>(ctx.stream, x.value.reshaped(matrices), y);
  return ctx.record(op, y.reshaped(out), {x}, {}, [matrices, exchanged](BackwardContext& bw) {
    write_gradient(bw.stream(), bw.dx(0), [&](Tensor& dx) {
      Tensor back = dx.reshaped(matrices);
      dispatch<kernels::Transpose>(bw.stream(), bw.dy().reshaped(exchanged), back);
    });
  });
}

/// The same values under another shape: bits whose padding would move are unpacked and packed again.
Tensor reshape_values(Stream& stream, const Tensor& x, const Shape& shape) {
  if (x.can_reshape(shape)) {
    return x.reshaped(shape);
  }
  Tensor bits(stream, shape, DType::bit);
  Tensor no_mask;
  dispatch<kernels::Sign>(stream, as_float(stream, x).reshaped(shape), bits, no_mask);
  return bits;
}

}  // namespace

Var max_pool(Context& ctx, const Var& x, int kernel, const Geometry& geometry) {
  constexpr const char* kOp = "max_pool";
  require_dtype(kOp, "input", x.value, {DType::f32, DType::bit});
  const Pool2dDims dims = pool2d_dims(kOp, x.shape(), kernel, kernel, geometry);
  Tensor y(ctx.stream, {dims.n, dims.oh(), dims.ow(), dims.c}, x.value.dtype());
  dispatch<kernels::MaxPool>(ctx.stream, x.value, dims, y);
  Var result = ctx.record(kOp, std::move(y), {x}, {Saved(x)}, [dims](BackwardContext& bw) {
    GradSlot dx = bw.dx(0);
    dispatch<kernels::MaxPoolBackward>(bw.stream(), bw.dy(), bw.saved(0), dims, dx.tensor, dx.mode);
  });
  return remade(ctx, std::move(result), {Saved(x)}, [dims](Stream& stream, const std::vector<Tensor>& parts) {
    Tensor again(stream, {dims.n, dims.oh(), dims.ow(), dims.c}, parts[0].dtype());
    dispatch<kernels::MaxPool>(stream, parts[0], dims, again);
    return again;
  });
}

Var avg_pool(Context& ctx, const Var& x, int kernel, const Geometry& geometry) {
  const Pool2dDims dims = pool2d_dims("avg_pool", x.shape(), kernel, kernel, geometry);
  return average(ctx, "avg_pool", x, dims, {dims.n, dims.oh(), dims.ow(), dims.c});
}

Var global_avg_pool(Context& ctx, const Var& x) {
  constexpr const char* kOp = "global_avg_pool";
  require_defined(kOp, "input", x.value);
  require_rank(kOp, "input", x.value, 4);
  const Shape& shape = x.shape();
  const Geometry whole = Geometry::explicit_pad(1, {}, {});
  const Pool2dDims dims = pool2d_dims(kOp, shape, static_cast<int>(shape[1]), static_cast<int>(shape[2]), whole);
  return average(ctx, kOp, x, dims, {shape[0], shape[3]});
}

Var concat_channels(Context& ctx, const std::vector<Var>& inputs) {
  constexpr const char* kOp = "concat_channels";
  if (inputs.empty()) {
    fail(kOp, "no inputs");
  }
  bool all_bits = true;
  std::int64_t channels = 0;
  std::vector<std::int64_t> begins;
  for (const Var& input : inputs) {
    require_defined(kOp, "input", input.value);
    const Shape& first = inputs.front().shape();
    bool equal = input.shape().rank() == first.rank() && first.rank() > 0;
    for (int axis = 0; equal && axis + 1 < first.rank(); ++axis) {
      equal = input.shape()[axis] == first[axis];
    }
    if (!equal) {
      fail(kOp, fmt::format("inputs {} and {} differ before the channels", first.text(), input.shape().text()));
    }
    all_bits = all_bits && input.value.dtype() == DType::bit;
    begins.push_back(channels);
    channels += input.shape().channels();
  }
  std::vector<Var> parts = inputs;
  std::vector<Tensor> values;
  for (Var& part : parts) {
    part = all_bits ? part : to_float(ctx, part);
    values.push_back(part.value);
  }
  Tensor y(ctx.stream, inputs.front().shape().with_channels(channels), all_bits ? DType::bit : DType::f32);
  dispatch<kernels::ConcatChannels>(ctx.stream, values, y);
  return ctx.record(kOp, std::move(y), std::move(parts), {}, [begins](BackwardContext& bw) {
    for (std::size_t i = 0; i < begins.size(); ++i) {
      bw.pass_columns(i, begins[i]);
    }
  });
}

Var add(Context& ctx, const Var& a, const Var& b) {
  constexpr const char* kOp = "add";
  require_defined(kOp, "first input", a.value);
  require_shape(kOp, "second input", b.value, a.shape());
  const Var left = to_float(ctx, a), right = to_float(ctx, b);
  Tensor y(ctx.stream, a.shape(), DType::f32);
  dispatch<kernels::Add>(ctx.stream, left.value, right.value, y);
  return ctx.record(kOp, std::move(y), {left, right}, {}, [](BackwardContext& bw) {
    bw.pass(0);
    bw.pass(1);
  });
}

Var flatten(Context& ctx, const Var& x) {
  require_defined("flatten", "input", x.value);
  const Shape& shape = x.shape();
  if (shape.rank() < 2 || shape[0] < 1) {
    fail("flatten", fmt::format("input {}, expected (N, ...)", shape.text()));
  }
  if (shape.rank() == 2) {
    return x;
  }
  Tensor y = reshape_values(ctx.stream, x.value, {shape[0], shape.numel() / shape[0]});
  return ctx.record("flatten", std::move(y), {x}, {}, [](BackwardContext& bw) { bw.pass(0); });
}

Var rows_to_channels(Context& ctx, const Var& x) {
  constexpr const char* kOp = "rows_to_channels";
  require_defined(kOp, "input", x.value);
  require_rank(kOp, "input", x.value, 4);
  const Shape& s = x.shape();
  return exchange_axes(ctx, kOp, to_float(ctx, x), {s[0], s[1], s[2] * s[3]}, {s[0], s[2] * s[3], s[1]});
}

Var channels_to_rows(Context& ctx, const Var& x, const Shape& images) {
  constexpr const char* kOp = "channels_to_rows";
  require_dtype(kOp, "input", x.value, {DType::f32});
  require_shape(kOp, "input", x.value, {images[0], images[2] * images[3], images[1]});
  return exchange_axes(ctx, kOp, x, x.shape(), images);
}

Var relu(Context& ctx, const Var& x) { return map_by_result<kernels::Relu, kernels::ReluBackward>(ctx, x); }

Var sigmoid(Context& ctx, const Var& x) { return map_by_result<kernels::Sigmoid, kernels::SigmoidBackward>(ctx, x); }

Var dropout(Context& ctx, const Var& x, float rate, bool rescale) {
  constexpr const char* kOp = "dropout";
  require_defined(kOp, "input", x.value);
  if (!(rate >= 0.0F && rate < 1.0F)) {
    fail(kOp, fmt::format("rate {} outside [0, 1)", rate));
  }
  if (!ctx.training() || rate == 0.0F) {
    return x;
  }
  check(ctx.step.defined(), kOp, "a training pass needs the values of its step (Context::step)");
  const std::uint64_t site = ctx.random_site++;
  const float scale = rescale ? 1.0F / (1.0F - rate) : 1.0F;
  const Var real = to_float(ctx, x);
  Tensor y(ctx.stream, x.shape(), DType::f32);
  dispatch<kernels::Dropout>(ctx.stream, real.value, ctx.step, site, rate, scale, y, GradMode::overwrite);
  return ctx.record(kOp, std::move(y), {real}, {}, [step = ctx.step, site, rate, scale](BackwardContext& bw) {
    GradSlot dx = bw.dx(0);
    dispatch<kernels::Dropout>(bw.stream(), bw.dy(), step, site, rate, scale, dx.tensor, dx.mode);
  });
}

}  // namespace bnas::ops
