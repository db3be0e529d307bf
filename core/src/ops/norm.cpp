// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/ops/norm.hpp"

#include "bnas/core/kernels/mixture.hpp"
#include "bnas/core/kernels/norm.hpp"
#include "ops/op_support.hpp"

namespace bnas::ops {
namespace {

void require_operands(const char* op, const Var& x, const Var& gamma, const Var& beta, const RunningStats& stats) {
  require_dtype(op, "input", x.value, {DType::f32, DType::i8, DType::i16, DType::i32});
  const Shape channels{x.shape().channels()};
  const std::pair<const char*, const Tensor*> per_channel[] = {{"gamma", &gamma.value},
                                                               {"beta", &beta.value},
                                                               {"running mean", &stats.mean},
                                                               {"running variance", &stats.variance}};
  for (const auto& [what, tensor] : per_channel) {
    require_dtype(op, what, *tensor, {DType::f32});
    require_shape(op, what, *tensor, channels);
  }
}

/// Statistics that normalize this pass: of the batch in training, which also moves the running ones; else the latter.
/// Where x carries its sums, the normalizing kernel makes them.
NormStatistics current_statistics(Context& ctx, const Var& x, RunningStats& stats, float momentum) {
  if (!ctx.training()) {
    return {stats.mean, stats.variance};
  }
  const Shape channels{x.shape().channels()};
  NormStatistics batch{Tensor(ctx.stream, channels, DType::f32), Tensor(ctx.stream, channels, DType::f32)};
  if (x.sums.defined()) {
    return {batch.mean, batch.variance, x.sums, momentum, stats.mean, stats.variance};
  }
  dispatch<kernels::BatchNormStats>(ctx.stream, x.value, batch.mean, batch.variance, momentum, stats.mean,
                                    stats.variance);
  return batch;
}

/// Gradients of a batch norm whose inputs 0 to 2 are x, gamma and beta; saved 0 to 3: x, mean, variance, gamma.
void norm_backward(BackwardContext& bw, const GradColumns& dy, const Tensor& mask, float eps, bool frozen) {
  // The kernel always writes dgamma and dbeta: one that nobody wants goes to a scratch tensor.
  const Shape& channels = bw.saved(3).shape();
  const auto slot_or_scratch = [&](std::size_t i) {
    return bw.wants(i) ? bw.dx(i) : GradSlot{Tensor(bw.stream(), channels, DType::f32), GradMode::overwrite};
  };
  GradSlot dx = bw.wants(0) ? bw.dx(0) : GradSlot{Tensor(), GradMode::overwrite};
  GradSlot dgamma = slot_or_scratch(1);
  GradSlot dbeta = slot_or_scratch(2);
  dispatch<kernels::BatchNormBackward>(bw.stream(), dy, mask, bw.saved(0), bw.saved(1), bw.saved(2), bw.saved(3), eps,
                                       frozen, dx.tensor, dx.mode, dgamma.tensor, dgamma.mode, dbeta.tensor,
                                       dbeta.mode);
}

/// Saved: x, mean, variance, gamma, and the mask of a sign behind the norm (undefined without one).
Var record_norm(Context& ctx, const char* op, Tensor y, const Var& x, const Var& gamma, const Var& beta,
                const NormStatistics& used, Tensor mask, float eps) {
  const bool frozen = !ctx.training();
  return ctx.record(
      op, std::move(y), {x, gamma, beta}, {Saved(x), used.mean, used.variance, gamma.value, std::move(mask)},
      [eps, frozen](BackwardContext& bw) { norm_backward(bw, bw.dy_columns(), bw.saved(4), eps, frozen); });
}

/// batch_norm(x) + shortcut, from what forward kept or is about to.
Tensor norm_and_shortcut(Stream& stream, const Tensor& x, NormStatistics& used, const Tensor& gamma, const Tensor& beta,
                         const Tensor& shortcut, float eps) {
  Tensor sum(stream, x.shape(), DType::f32);
  dispatch<kernels::BatchNormApply>(stream, x, used, gamma, beta, eps, sum);
  if (shortcut.defined()) {
    dispatch<kernels::Add>(stream, sum, shortcut, sum);
  }
  return sum;
}

/// The whole of batch_norm_prelu; undefined shortcuts and gains are none.
Tensor norm_prelu(Stream& stream, const Tensor& x, NormStatistics& used, const Tensor& gamma, const Tensor& beta,
                  const Tensor& shortcut, const Tensor& slope, const Tensor& gain, float eps) {
  Tensor y = norm_and_shortcut(stream, x, used, gamma, beta, shortcut, eps);
  dispatch<kernels::Prelu>(stream, y, slope, y);
  if (gain.defined()) {
    dispatch<kernels::ScaleChannels>(stream, y, gain, y, GradMode::overwrite);
  }
  return y;
}

/// Inputs x, gamma, beta, shortcut, slope, gain; saved x, mean, variance, gamma, beta, shortcut, slope, gain.
void norm_prelu_backward(BackwardContext& bw, float eps, bool frozen) {
  Stream& stream = bw.stream();
  const Tensor &x = bw.saved(0), &slope = bw.saved(6), &gain = bw.saved(7);
  NormStatistics used{bw.saved(1), bw.saved(2)};
  const Tensor sum = norm_and_shortcut(stream, x, used, bw.saved(3), bw.saved(4), bw.saved(5), eps);
  Tensor dy = bw.dy();
  if (bw.wants(5)) {
    Tensor ungained(stream, x.shape(), DType::f32);
    dispatch<kernels::Prelu>(stream, sum, slope, ungained);
    GradSlot dgain = bw.dx(5);
    dispatch<kernels::DotChannels>(stream, dy, ungained, dgain.tensor, dgain.mode);
  }
  if (gain.defined()) {
    Tensor gained(stream, x.shape(), DType::f32);
    dispatch<kernels::ScaleChannels>(stream, dy, gain, gained, GradMode::overwrite);
    dy = gained;
  }
  if (bw.wants(4)) {
    GradSlot dslope = bw.dx(4);
    dispatch<kernels::PreluSlopeBackward>(stream, dy, sum, dslope.tensor, dslope.mode);
  }
  Tensor dsum(stream, x.shape(), DType::f32);
  dispatch<kernels::PreluBackward>(stream, dy, sum, slope, dsum, GradMode::overwrite);
  if (bw.wants(3)) {
    GradSlot dshortcut = bw.dx(3);
    dispatch<kernels::Scale>(stream, dsum, 1.0F, dshortcut.tensor, dshortcut.mode);
  }
  norm_backward(bw, {dsum}, Tensor(), eps, frozen);
}

}  // namespace

Var batch_norm(Context& ctx, const Var& x, const Var& gamma, const Var& beta, RunningStats& stats,
               const BatchNormOptions& options) {
  constexpr const char* kOp = "batch_norm";
  require_operands(kOp, x, gamma, beta, stats);
  NormStatistics used = current_statistics(ctx, x, stats, options.momentum);
  Tensor y(ctx.stream, x.shape(), DType::f32);
  dispatch<kernels::BatchNormApply>(ctx.stream, x.value, used, gamma.value, beta.value, options.eps, y);
  Var result = record_norm(ctx, kOp, std::move(y), x, gamma, beta, used, Tensor(), options.eps);
  return remade(ctx, std::move(result), {Saved(x), used.mean, used.variance, gamma.value, beta.value},
                [eps = options.eps](Stream& stream, const std::vector<Tensor>& parts) {
                  NormStatistics known{parts[1], parts[2]};
                  return norm_and_shortcut(stream, parts[0], known, parts[3], parts[4], Tensor(), eps);
                });
}

Var batch_norm_sign(Context& ctx, const Var& x, const Var& gamma, const Var& beta, RunningStats& stats,
                    const BatchNormOptions& options) {
  constexpr const char* kOp = "batch_norm_sign";
  require_operands(kOp, x, gamma, beta, stats);
  NormStatistics used = current_statistics(ctx, x, stats, options.momentum);
  Tensor bits(ctx.stream, x.shape(), DType::bit);
  Tensor mask;
  if (wants_grad(ctx, x) || wants_grad(ctx, gamma) || wants_grad(ctx, beta)) {
    mask = Tensor(ctx.stream, x.shape(), DType::bit);
  }
  dispatch<kernels::BatchNormSign>(ctx.stream, x.value, used, gamma.value, beta.value, options.eps, bits, mask);
  return record_norm(ctx, kOp, std::move(bits), x, gamma, beta, used, std::move(mask), options.eps);
}

Var batch_norm_prelu(Context& ctx, const Var& x, const Var& gamma, const Var& beta, RunningStats& stats,
                     const PreluTail& tail, const BatchNormOptions& options) {
  constexpr const char* kOp = "batch_norm_prelu";
  require_operands(kOp, x, gamma, beta, stats);
  const Shape channels{x.shape().channels()};
  require_dtype(kOp, "slope", tail.slope.value, {DType::f32});
  require_shape(kOp, "slope", tail.slope.value, channels);
  if (tail.shortcut.value.defined()) {
    require_dtype(kOp, "shortcut", tail.shortcut.value, {DType::f32});
    require_shape(kOp, "shortcut", tail.shortcut.value, x.shape());
  }
  NormStatistics used = current_statistics(ctx, x, stats, options.momentum);
  if (tail.gain.value.defined()) {
    require_dtype(kOp, "gain", tail.gain.value, {DType::f32});
    require_shape(kOp, "gain", tail.gain.value, channels);
  }
  Tensor y = norm_prelu(ctx.stream, x.value, used, gamma.value, beta.value, tail.shortcut.value, tail.slope.value,
                        tail.gain.value, options.eps);
  const std::vector<Saved> kept{Saved(x),         used.mean,      used.variance,
                                gamma.value,      beta.value,     Saved(tail.shortcut),
                                tail.slope.value, tail.gain.value};
  Var result = ctx.record(
      kOp, std::move(y), {x, gamma, beta, tail.shortcut, tail.slope, tail.gain}, kept,
      [eps = options.eps, frozen = !ctx.training()](BackwardContext& bw) { norm_prelu_backward(bw, eps, frozen); });
  return remade(ctx, std::move(result), kept, [eps = options.eps](Stream& stream, const std::vector<Tensor>& parts) {
    NormStatistics known{parts[1], parts[2]};
    return norm_prelu(stream, parts[0], known, parts[3], parts[4], parts[5], parts[6], parts[7], eps);
  });
}

}  // namespace bnas::ops
