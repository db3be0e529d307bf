// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/ops/binary.hpp"

#include <array>
#include <iterator>

#include <fmt/format.h>

#include "bnas/core/kernels/conv.hpp"
#include "ops/op_support.hpp"

namespace bnas::ops {
namespace {

const std::array<std::string, 3> kPseudoGradientNames = {"ste_sign", "approx_sign", "swish_sign"};

/// Both gradients of a convolution whose operands were kept as bits: the layer is bilinear, so each operand's gradient
/// needs the other one alone.
template <class BackwardInput, class BackwardWeight>
Var record_conv(Context& ctx, const char* op, const Tensor& y, const Var& x, const Var& w, const Conv2dDims& dims) {
  std::vector<Saved> saved{for_gradient_of(ctx, w, x), for_gradient_of(ctx, x, w)};
  return ctx.record(op, y, {x, w}, std::move(saved), [dims](BackwardContext& bw) {
    if (bw.wants(0)) {
      GradSlot dx = bw.dx(0);
      dispatch<BackwardInput>(bw.stream(), bw.dy(), bw.saved(1), dims, dx.tensor, dx.mode);
    }
    if (bw.wants(1)) {
      GradSlot dw = bw.dx(1);
      dispatch<BackwardWeight>(bw.stream(), bw.dy(), bw.saved(0), dims, dw.tensor, dw.mode);
    }
  });
}

/// Sums of `channels` for a kernel to write, undefined where they are not wanted.
Tensor make_sums(Context& ctx, bool wanted, std::int64_t channels) {
  return wanted && ctx.training() ? Tensor(ctx.stream, sums_shape(channels), DType::u8) : Tensor();
}

void require_bits(const char* op, const Var& x, const Var& w) {
  require_dtype(op, "input", x.value, {DType::bit});
  require_dtype(op, "weights", w.value, {DType::bit});
}

}  // namespace

const char* pseudo_gradient_name(PseudoGradient kind) {
  return kPseudoGradientNames[static_cast<std::size_t>(kind)].c_str();
}

PseudoGradient parse_pseudo_gradient(std::string_view name) {
  for (std::size_t i = 0; i < kPseudoGradientNames.size(); ++i) {
    if (kPseudoGradientNames[i] == name) {
      return static_cast<PseudoGradient>(i);
    }
  }
  const std::string near =
      nearest_name(name, kPseudoGradientNames.data(), kPseudoGradientNames.data() + kPseudoGradientNames.size());
  throw Error(ErrorKind::usage,
              fmt::format("unknown pseudo-gradient '{}': {}expected ste_sign, approx_sign or swish_sign", name,
                          near.empty() ? "" : "did you mean '" + near + "'? "));
}

Var sign(Context& ctx, const Var& x, PseudoGradient kind) {
  constexpr const char* kOp = "sign";
  require_dtype(kOp, "input", x.value, {DType::f32, DType::i8, DType::i16, DType::i32, DType::bit});
  if (x.value.dtype() == DType::bit) {
    return x;
  }
  const bool keep = wants_grad(ctx, x);
  Tensor bits(ctx.stream, x.shape(), DType::bit);
  Tensor mask;
  if (keep && kind == PseudoGradient::ste_sign) {
    mask = Tensor(ctx.stream, x.shape(), DType::bit);
  }
  dispatch<kernels::Sign>(ctx.stream, x.value, bits, mask);
  if (!keep) {
    return Var{std::move(bits)};
  }
  if (kind == PseudoGradient::ste_sign) {
    return ctx.record(pseudo_gradient_name(kind), std::move(bits), {x}, {std::move(mask)}, [](BackwardContext& bw) {
      GradSlot dx = bw.dx(0);
      dispatch<kernels::MaskBackward>(bw.stream(), bw.dy(), bw.saved(0), dx.tensor, dx.mode);
    });
  }
  return ctx.record(pseudo_gradient_name(kind), std::move(bits), {x}, {x.value}, [kind](BackwardContext& bw) {
    GradSlot dx = bw.dx(0);
    dispatch<kernels::SignBackward>(bw.stream(), bw.dy(), as_float(bw.stream(), bw.saved(0)), kind, dx.tensor, dx.mode);
  });
}

Var binary_conv2d(Context& ctx, const Var& x, const Var& w, const Geometry& geometry, bool sums) {
  constexpr const char* kOp = "binary_conv2d";
  require_bits(kOp, x, w);
  const Conv2dDims dims = conv2d_dims(kOp, x.shape(), w.shape(), geometry);
  Tensor y(ctx.stream, {dims.n, dims.oh(), dims.ow(), dims.o}, dot_dtype(dims.k()));
  Tensor channel_sums = make_sums(ctx, sums, dims.o);
  dispatch<kernels::BinaryConv2d>(ctx.stream, x.value, w.value, dims, y, channel_sums);
  Var result = record_conv<kernels::Conv2dBackwardInput, kernels::Conv2dBackwardWeight>(ctx, kOp, y, x, w, dims);
  result.sums = std::move(channel_sums);
  return result;
}

Var binary_depthwise_conv2d(Context& ctx, const Var& x, const Var& w, const Geometry& geometry) {
  constexpr const char* kOp = "binary_depthwise_conv2d";
  require_bits(kOp, x, w);
  const Conv2dDims dims = depthwise_dims(kOp, x.shape(), w.shape(), geometry);
  Tensor y(ctx.stream, {dims.n, dims.oh(), dims.ow(), dims.c}, dot_dtype(dims.kh * dims.kw));
  dispatch<kernels::BinaryDepthwiseConv2d>(ctx.stream, x.value, w.value, dims, y);
  return record_conv<kernels::DepthwiseConv2dBackwardInput, kernels::DepthwiseConv2dBackwardWeight>(ctx, kOp, y, x, w,
                                                                                                    dims);
}

// A dense layer is the convolution of images of one pixel: same kernels, same gradients, only the axes are named anew.
Var binary_dense(Context& ctx, const Var& x, const Var& w, bool sums) {
  constexpr const char* kOp = "binary_dense";
  require_bits(kOp, x, w);
  require_rank(kOp, "input", x.value, 2);
  require_rank(kOp, "weights", w.value, 2);
  const std::int64_t n = x.shape()[0], c = x.shape()[1], o = w.shape()[0];
  const Shape x4{n, 1, 1, c}, w4{o, 1, 1, w.shape()[1]}, y4{n, 1, 1, o};
  const Conv2dDims dims = conv2d_dims(kOp, x4, w4, Geometry{});
  Tensor y(ctx.stream, y4, dot_dtype(c));
  const Tensor x_pixels = x.value.reshaped(x4), w_pixels = w.value.reshaped(w4);
  Tensor channel_sums = make_sums(ctx, sums, o);
  dispatch<kernels::BinaryConv2d>(ctx.stream, x_pixels, w_pixels, dims, y, channel_sums);
  const auto backward = [dims, x4, w4, y4](BackwardContext& bw) {
    const Tensor dy = bw.dy().reshaped(y4);
    if (bw.wants(0)) {
      GradSlot slot = bw.dx(0);
      Tensor dx = slot.tensor.reshaped(x4);
      dispatch<kernels::Conv2dBackwardInput>(bw.stream(), dy, bw.saved(1), dims, dx, slot.mode);
    }
    if (bw.wants(1)) {
      GradSlot slot = bw.dx(1);
      Tensor dw = slot.tensor.reshaped(w4);
      dispatch<kernels::Conv2dBackwardWeight>(bw.stream(), dy, bw.saved(0), dims, dw, slot.mode);
    }
  };
  Var result = ctx.record(kOp, y.reshaped({n, o}), {x, w}, {x_pixels, w_pixels}, backward);
  result.sums = std::move(channel_sums);
  return result;
}

Var to_float(Context& ctx, const Var& x) {
  require_defined("to_float", "input", x.value);
  if (x.value.dtype() == DType::f32) {
    return x;
  }
  return ctx.record("to_float", as_float(ctx.stream, x.value), {x}, {}, [](BackwardContext& bw) { bw.pass(0); });
}

}  // namespace bnas::ops
