// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernels/optim.hpp"

#include <vector>

#include "backend/cuda/checks.hpp"
#include "backend/cuda/register.hpp"
#include "bnas/core/kernels/elementwise.hpp"
#include "bnas/cuda/dropout.hpp"
#include "bnas/cuda/gather_batch.hpp"
#include "bnas/cuda/grad_norm.hpp"
#include "bnas/cuda/optimizer.hpp"

namespace bnas::cuda_backend {
namespace {

/// The first `slots` of a rule must be there; AMSGrad's third may be.
std::vector<cuda::ParameterStep> checked(const Call& call, std::span<const ParameterUpdate> parameters) {
  std::vector<cuda::ParameterStep> out;
  for (const ParameterUpdate& p : parameters) {
    call.expect("grad", p.grad, DType::f32);
    call.expect("weight", p.weight, DType::f32, p.grad.shape());
    cuda::ParameterStep step;
    step.grad = p.grad.data<float>();
    step.weight = p.weight.data<float>();
    for (int i = 0; i < 3; ++i) {
      if (p.slots[i].defined()) {
        call.expect("slot", p.slots[i], DType::f32, p.grad.shape());
        step.slots[i] = p.slots[i].data<float>();
      }
    }
    step.rows = static_cast<int>(p.grad.shape().rows());
    step.channels = static_cast<int>(p.grad.shape().channels());
    step.lr_multiplier = p.lr_multiplier;
    step.clip = p.clip;
    out.push_back(step);
  }
  return out;
}

void adam_step(Stream& stream, std::span<const ParameterUpdate> parameters, const AdamRule& rule, const Tensor& step) {
  const Call call("adam_step", stream);
  const auto updates = checked(call, parameters);
  call.require(cuda::adam_step(updates.data(), static_cast<int>(updates.size()), rule, call.step(step), call.stream()));
}

void sgd_step(Stream& stream, std::span<const ParameterUpdate> parameters, const SgdRule& rule, const Tensor& step) {
  const Call call("sgd_step", stream);
  const auto updates = checked(call, parameters);
  call.require(cuda::sgd_step(updates.data(), static_cast<int>(updates.size()), rule, call.step(step), call.stream()));
}

void bop_step(Stream& stream, std::span<const ParameterUpdate> parameters, const BopRule& rule) {
  const Call call("bop_step", stream);
  const auto updates = checked(call, parameters);
  call.require(cuda::bop_step(updates.data(), static_cast<int>(updates.size()), rule, call.stream()));
}

void clip_grad_norm(Stream& stream, std::span<const Tensor> grads, float max_norm, Tensor& norm) {
  Call call("clip_grad_norm", stream);
  call.expect("norm", norm, DType::f32, Shape{});
  std::vector<cuda::Gradient> gradients;
  for (const Tensor& grad : grads) {
    call.expect("grad", grad, DType::f32);
    gradients.push_back({grad.data<float>(), grad.numel()});
  }
  const auto count = static_cast<int>(gradients.size());
  const cuda::Scratch scratch = call.scratch(cuda::sum_squares_workspace_bytes(gradients.data(), count));
  call.require(
      cuda::clip_grad_norm(gradients.data(), count, max_norm, norm.data<float>(), nullptr, scratch, call.stream()));
}

void sum_squares(Stream& stream, const Tensor& x, Tensor& sum, GradMode mode) {
  Call call("sum_squares", stream);
  call.expect("x", x, DType::f32);
  call.expect("sum", sum, DType::f32, Shape{});
  const cuda::Gradient values{x.data<float>(), x.numel()};
  const cuda::Scratch scratch = call.scratch(cuda::sum_squares_workspace_bytes(&values, 1));
  call.require(
      cuda::sum_squares(&values, 1, sum.data<float>(), mode == GradMode::accumulate, nullptr, scratch, call.stream()));
}

void gather_batch(Stream& stream, const Tensor& images, const Tensor& all_labels, const Tensor& order,
                  const Tensor& step, const BatchRule& rule, Tensor& batch, Tensor& labels) {
  const Call call("gather_batch", stream);
  call.expect("images", images, DType::u8);
  const Shape& all = images.shape();
  if (all.rank() != 4) {
    call.fail("images have shape " + all.text() + ", expected (N, H, W, C)");
  }
  call.expect("all_labels", all_labels, DType::i32, Shape{all[0]});
  call.expect("order", order, DType::i32);
  call.expect("labels", labels, DType::i32);
  const std::int64_t size = labels.numel();
  call.expect("batch", batch, DType::f32, Shape{size, all[1], all[2], all[3]});
  const cuda::ByteImages data{images.data<std::uint8_t>(), all_labels.data<std::int32_t>(), all[0],
                              static_cast<int>(all[1]),    static_cast<int>(all[2]),        static_cast<int>(all[3])};
  const cuda::BatchRows rows{order.data<std::int32_t>(), order.numel(), step.defined() ? call.step(step) : nullptr};
  call.require(cuda::gather_batch(data, rows, rule, static_cast<int>(size), batch.data<float>(),
                                  labels.data<std::int32_t>(), call.error(), call.stream()));
}

void advance_step(Stream& stream, const Tensor& table, Tensor& counter, Tensor& current) {
  const Call call("advance_step", stream);
  call.expect("table", table, DType::u8);
  call.expect("counter", counter, DType::i32, Shape{});
  call.step(current);
  const std::int64_t steps = table.numel() / static_cast<std::int64_t>(sizeof(StepValues));
  call.require(cuda::advance_step(static_cast<const StepValues*>(table.raw()), steps, counter.data<std::int32_t>(),
                                  static_cast<StepValues*>(current.raw()), call.error(), call.stream()));
}

void dropout(Stream& stream, const Tensor& x, const Tensor& step, std::uint64_t site, float rate, float scale,
             Tensor& y, GradMode mode) {
  const Call call("dropout", stream);
  call.expect("x", x, DType::f32);
  call.expect("y", y, DType::f32, x.shape());
  call.require(cuda::dropout(x.data<float>(), x.numel(), call.step(step), site, rate, scale, y.data<float>(),
                             mode == GradMode::accumulate, call.stream()));
}

}  // namespace

void register_optim(KernelTable& table) {
  table.add<kernels::AdamStep>(adam_step);
  table.add<kernels::SgdStep>(sgd_step);
  table.add<kernels::BopStep>(bop_step);
  table.add<kernels::ClipGradNorm>(clip_grad_norm);
  table.add<kernels::SumSquares>(sum_squares);
  table.add<kernels::GatherBatch>(gather_batch);
  table.add<kernels::AdvanceStep>(advance_step);
  table.add<kernels::Dropout>(dropout);
}

}  // namespace bnas::cuda_backend
