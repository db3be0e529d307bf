// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/ops/weights.hpp"

#include <fmt/format.h>

#include "bnas/core/kernels/weights.hpp"
#include "ops/op_support.hpp"

namespace bnas::ops {
namespace {

std::int64_t filters_of(const char* op, const Var& w) {
  require_dtype(op, "weights", w.value, {DType::f32});
  const int rank = w.shape().rank();
  if (rank < 2 || rank > 4) {
    fail(op, fmt::format("weights {}, expected (O,KH,KW,C), (O,C) or (KH,KW,C)", w.shape().text()));
  }
  return rank == 3 ? w.shape().channels() : w.shape()[0];
}

Tensor signs(Context& ctx, const Tensor& x) {
  Tensor bits(ctx.stream, x.shape(), DType::bit);
  Tensor no_mask;
  dispatch<kernels::Sign>(ctx.stream, x, bits, no_mask);
  return bits;
}

/// Slots of a latent weight and its partner; a scratch tensor where one is not wanted, for kernels that write both.
std::pair<GradSlot, GradSlot> both_slots(BackwardContext& bw, const Shape& weight, const Shape& partner) {
  const auto slot = [&](std::size_t i, const Shape& shape) {
    return bw.wants(i) ? bw.dx(i) : GradSlot{Tensor(bw.stream(), shape, DType::f32), GradMode::overwrite};
  };
  return {slot(0, weight), slot(1, partner)};
}

}  // namespace

Var filter_scale(Context& ctx, const Var& w, ScaleScope scope, float gain) {
  constexpr const char* kOp = "filter_scale";
  const std::int64_t filters = filters_of(kOp, w);
  Tensor scale(ctx.stream, {scope == ScaleScope::filter ? filters : 1}, DType::f32);
  dispatch<kernels::FilterScale>(ctx.stream, w.value, scale);
  if (gain == 0.0F) {
    return Var{std::move(scale)};
  }
  return ctx.record(kOp, std::move(scale), {w}, {w.value}, [gain](BackwardContext& bw) {
    GradSlot dw = bw.dx(0);
    dispatch<kernels::FilterScaleBackward>(bw.stream(), bw.dy(), bw.saved(0), gain, dw.tensor, dw.mode);
  });
}

Var latent_sign(Context& ctx, const Var& w, const Tensor& scale, const SignRule& rule) {
  constexpr const char* kOp = "latent_sign";
  const std::int64_t filters = filters_of(kOp, w);
  require_dtype(kOp, "scale", scale, {DType::f32});
  require_shape(kOp, "scale", scale, {scale.numel() == 1 ? 1 : filters});
  return ctx.record(kOp, signs(ctx, w.value), {w}, {w.value, scale}, [rule](BackwardContext& bw) {
    GradSlot dw = bw.dx(0);
    dispatch<kernels::LatentBackward>(bw.stream(), bw.dy(), bw.saved(0), bw.saved(1), rule, dw.tensor, dw.mode);
  });
}

Var projected_sign(Context& ctx, const Var& w, const Var& p, const Tensor& scale, const ProjectionRule& rule) {
  constexpr const char* kOp = "projected_sign";
  filters_of(kOp, w);
  require_dtype(kOp, "projection", p.value, {DType::f32});
  require_shape(kOp, "projection", p.value, {w.shape()[-3], w.shape()[-2]});
  require_dtype(kOp, "scale", scale, {DType::f32});
  require_shape(kOp, "scale", scale, {1});
  Tensor projected(ctx.stream, w.shape(), DType::f32);
  dispatch<kernels::ProjectWeights>(ctx.stream, w.value, p.value, projected);
  return ctx.record(kOp, signs(ctx, projected), {w, p}, {w.value, p.value, scale}, [rule](BackwardContext& bw) {
    auto [dw, dp] = both_slots(bw, bw.saved(0).shape(), bw.saved(1).shape());
    dispatch<kernels::ProjectionBackward>(bw.stream(), bw.dy(), bw.saved(0), bw.saved(1), bw.saved(2), rule, dw.tensor,
                                          dw.mode, dp.tensor, dp.mode);
  });
}

Var amplitude_sign(Context& ctx, const Var& w, const Var& m, const AmplitudeRule& rule) {
  constexpr const char* kOp = "amplitude_sign";
  const std::int64_t filters = filters_of(kOp, w);
  require_dtype(kOp, "amplitudes", m.value, {DType::f32});
  require_shape(kOp, "amplitudes", m.value, {filters});
  return ctx.record(kOp, signs(ctx, w.value), {w, m}, {w.value, m.value}, [rule](BackwardContext& bw) {
    auto [dw, dm] = both_slots(bw, bw.saved(0).shape(), bw.saved(1).shape());
    dispatch<kernels::AmplitudeBackward>(bw.stream(), bw.dy(), bw.saved(0), bw.saved(1), rule, dw.tensor, dw.mode,
                                         dm.tensor, dm.mode);
  });
}

}  // namespace bnas::ops
