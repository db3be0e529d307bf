// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/ops/mixture.hpp"

#include <fmt/format.h>

#include "ops/op_support.hpp"

namespace bnas::ops {
namespace {

void require_per_channel(const char* op, const char* what, const Var& x, const Var& factor) {
  require_dtype(op, what, factor.value, {DType::f32});
  require_shape(op, what, factor.value, {x.shape().channels()});
}

}  // namespace

Var scale_channels(Context& ctx, const Var& x, const Var& scale) {
  constexpr const char* kOp = "scale_channels";
  require_dtype(kOp, "input", x.value, {DType::f32, DType::i8, DType::i16, DType::i32});
  require_per_channel(kOp, "scale", x, scale);
  Tensor y(ctx.stream, x.shape(), DType::f32);
  dispatch<kernels::ScaleChannels>(ctx.stream, x.value, scale.value, y, GradMode::overwrite);
  return ctx.record(kOp, std::move(y), {x, scale}, {for_gradient_of(ctx, scale, x), scale.value},
                    [](BackwardContext& bw) {
                      if (bw.wants(0)) {
                        GradSlot dx = bw.dx(0);
                        dispatch<kernels::ScaleChannels>(bw.stream(), bw.dy(), bw.saved(1), dx.tensor, dx.mode);
                      }
                      if (bw.wants(1)) {
                        GradSlot dscale = bw.dx(1);
                        dispatch<kernels::DotChannels>(bw.stream(), bw.dy(), bw.saved(0), dscale.tensor, dscale.mode);
                      }
                    });
}

Var prelu(Context& ctx, const Var& x, const Var& slope) {
  constexpr const char* kOp = "prelu";
  require_dtype(kOp, "input", x.value, {DType::f32});
  require_per_channel(kOp, "slope", x, slope);
  Tensor y(ctx.stream, x.shape(), DType::f32);
  dispatch<kernels::Prelu>(ctx.stream, x.value, slope.value, y);
  return ctx.record(kOp, std::move(y), {x, slope}, {Saved(x), slope.value}, [](BackwardContext& bw) {
    if (bw.wants(0)) {
      GradSlot dx = bw.dx(0);
      dispatch<kernels::PreluBackward>(bw.stream(), bw.dy(), bw.saved(0), bw.saved(1), dx.tensor, dx.mode);
    }
    if (bw.wants(1)) {
      GradSlot dslope = bw.dx(1);
      dispatch<kernels::PreluSlopeBackward>(bw.stream(), bw.dy(), bw.saved(0), dslope.tensor, dslope.mode);
    }
  });
}

Var sum(Context& ctx, const std::vector<Var>& inputs) {
  constexpr const char* kOp = "sum";
  if (inputs.empty()) {
    fail(kOp, "no inputs");
  }
  for (const Var& input : inputs) {
    require_dtype(kOp, "input", input.value, {DType::f32});
    require_shape(kOp, "input", input.value, inputs.front().shape());
  }
  if (inputs.size() == 1) {
    return inputs.front();
  }
  Tensor y(ctx.stream, inputs.front().shape(), DType::f32);
  dispatch<kernels::Add>(ctx.stream, inputs[0].value, inputs[1].value, y);
  for (std::size_t i = 2; i < inputs.size(); ++i) {
    dispatch<kernels::Add>(ctx.stream, y, inputs[i].value, y);
  }
  return ctx.record(kOp, std::move(y), inputs, {}, [count = inputs.size()](BackwardContext& bw) {
    for (std::size_t i = 0; i < count; ++i) {
      bw.pass(i);
    }
  });
}

Var mixture_weights(Context& ctx, const Var& alpha, const Var& beta, const Tensor& alive, const MixtureRule& rule) {
  constexpr const char* kOp = "mixture_weights";
  require_dtype(kOp, "alpha", alpha.value, {DType::f32});
  require_rank(kOp, "alpha", alpha.value, 2);
  const auto edges = static_cast<std::int64_t>(rule.groups.size());
  require_shape(kOp, "alpha", alpha.value, {edges, alpha.shape()[1]});
  require_dtype(kOp, "beta", beta.value, {DType::f32});
  require_shape(kOp, "beta", beta.value, {edges});
  require_dtype(kOp, "alive", alive, {DType::f32});
  require_shape(kOp, "alive", alive, alpha.shape());
  if (!(rule.temperature > 0.0F)) {
    fail(kOp, fmt::format("temperature {} is not positive", rule.temperature));
  }
  Tensor y(ctx.stream, {edges, alpha.shape()[1] + 1}, DType::f32);
  dispatch<kernels::MixtureWeights>(ctx.stream, alpha.value, beta.value, alive, rule, y);
  return ctx.record(kOp, std::move(y), {alpha, beta}, {alpha.value, beta.value, alive}, [rule](BackwardContext& bw) {
    const GradSlot none{Tensor(), GradMode::overwrite};
    GradSlot dalpha = bw.wants(0) ? bw.dx(0) : none, dbeta = bw.wants(1) ? bw.dx(1) : none;
    dispatch<kernels::MixtureWeightsBackward>(bw.stream(), bw.dy(), bw.saved(0), bw.saved(1), bw.saved(2), rule,
                                              dalpha.tensor, dalpha.mode, dbeta.tensor, dbeta.mode);
  });
}

Var broadcast_entry(Context& ctx, const Var& table, std::int64_t index, std::int64_t count) {
  constexpr const char* kOp = "broadcast_entry";
  require_dtype(kOp, "table", table.value, {DType::f32});
  if (index < 0 || index >= table.value.numel() || count < 1) {
    fail(kOp, fmt::format("entry {} of {}, {} times", index, table.shape().text(), count));
  }
  Tensor y(ctx.stream, {count}, DType::f32);
  dispatch<kernels::BroadcastEntry>(ctx.stream, table.value, index, y);
  return ctx.record(kOp, std::move(y), {table}, {}, [index](BackwardContext& bw) {
    GradSlot dtable = bw.dx(0);
    dispatch<kernels::BroadcastEntryBackward>(bw.stream(), bw.dy(), index, dtable.tensor, dtable.mode);
  });
}

Var drop_samples(Context& ctx, const Var& x, float rate) {
  constexpr const char* kOp = "drop_samples";
  require_dtype(kOp, "input", x.value, {DType::f32});
  if (!(rate >= 0.0F && rate < 1.0F) || x.shape().rank() < 1) {
    fail(kOp, fmt::format("rate {} outside [0, 1), or input {} without samples", rate, x.shape().text()));
  }
  if (!ctx.training() || rate == 0.0F) {
    return x;
  }
  check(ctx.step.defined(), kOp, "a training pass needs the values of its step (Context::step)");
  const std::uint64_t site = ctx.random_site++;
  Tensor y(ctx.stream, x.shape(), DType::f32);
  dispatch<kernels::DropSamples>(ctx.stream, x.value, ctx.step, site, rate, y, GradMode::overwrite);
  return ctx.record(kOp, std::move(y), {x}, {}, [step = ctx.step, site, rate](BackwardContext& bw) {
    GradSlot dx = bw.dx(0);
    dispatch<kernels::DropSamples>(bw.stream(), bw.dy(), step, site, rate, dx.tensor, dx.mode);
  });
}

}  // namespace bnas::ops
