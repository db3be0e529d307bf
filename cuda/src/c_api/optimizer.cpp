// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/optimizer.hpp"

#include "bnas/cuda/grad_norm.hpp"
#include "c_api/convert.hpp"

namespace cuda = bnas::cuda;
namespace c_api = bnas::cuda::c_api;

namespace {

static_assert(cuda::kStepParameters == BNAS_STEP_PARAMETERS);
static_assert(cuda::kNormGradients == BNAS_NORM_GRADIENTS);

cuda::ParameterStep from_c(const bnas_parameter_step& p) {
  cuda::ParameterStep step;
  step.grad = p.grad;
  step.weight = p.weight;
  step.slots[0] = p.slots[0], step.slots[1] = p.slots[1], step.slots[2] = p.slots[2];
  step.bits = p.bits;
  step.mask = p.mask;
  step.rows = p.rows;
  step.channels = p.channels;
  step.lr_multiplier = p.lr_multiplier;
  step.clip = p.clip;
  return step;
}

bnas::AdamRule from_c(const bnas_adam_rule& rule) { return {rule.beta1, rule.beta2, rule.eps, rule.weight_decay}; }

/// call(first, count) with the parameters, where the rule is given.
template <class Rule, class Call>
bnas_status_t with_parameters(const bnas_parameter_step* parameters, std::int32_t count, const Rule* rule, Call call) {
  return c_api::with_array<cuda::ParameterStep, BNAS_STEP_PARAMETERS>(
      count, parameters != nullptr && rule != nullptr,
      "optimizer: parameters or rule is null, or more than BNAS_STEP_PARAMETERS",
      [&](std::int32_t i) { return from_c(parameters[i]); },
      [&](const cuda::ParameterStep* first, int n) { return n == 0 ? cuda::Status{} : call(first, n); });
}

template <class Call>
bnas_status_t with_gradients(const bnas_gradient* tensors, std::int32_t count, Call call) {
  return c_api::with_array<cuda::Gradient, BNAS_NORM_GRADIENTS>(
      count, tensors != nullptr, "grad_norm: tensors are null, or more than BNAS_NORM_GRADIENTS",
      [&](std::int32_t i) {
        return cuda::Gradient{tensors[i].data, tensors[i].n};
      },
      call);
}

}  // namespace

double bnas_adam_bias_correction(const bnas_adam_rule* rule, std::int64_t t) {
  return from_c(*rule).bias_correction(t);
}

bnas_status_t bnas_adam_step(const bnas_parameter_step* parameters, std::int32_t count, const bnas_adam_rule* rule,
                             const bnas_step_values* step, bnas_stream_t stream) {
  return with_parameters(parameters, count, rule, [&](const cuda::ParameterStep* first, int n) {
    return cuda::adam_step(first, n, from_c(*rule), c_api::from_c(step), stream);
  });
}

bnas_status_t bnas_sgd_step(const bnas_parameter_step* parameters, std::int32_t count, const bnas_sgd_rule* rule,
                            const bnas_step_values* step, bnas_stream_t stream) {
  return with_parameters(parameters, count, rule, [&](const cuda::ParameterStep* first, int n) {
    const bnas::SgdRule sgd{rule->momentum, rule->weight_decay, rule->nesterov != 0};
    return cuda::sgd_step(first, n, sgd, c_api::from_c(step), stream);
  });
}

bnas_status_t bnas_bop_step(const bnas_parameter_step* parameters, std::int32_t count, const bnas_bop_rule* rule,
                            bnas_stream_t stream) {
  return with_parameters(parameters, count, rule, [&](const cuda::ParameterStep* first, int n) {
    return cuda::bop_step(first, n, {rule->gamma, rule->threshold}, stream);
  });
}

bnas_status_t bnas_sum_squares(const bnas_gradient* tensors, std::int32_t count, float* sum, std::int32_t accumulate,
                               std::int32_t* all_finite, const bnas_scratch* scratch, bnas_stream_t stream) {
  return with_gradients(tensors, count, [&](const cuda::Gradient* first, int n) {
    return cuda::sum_squares(first, n, sum, accumulate != 0, all_finite, c_api::from_c(scratch), stream);
  });
}

bnas_status_t bnas_clip_grad_norm(const bnas_gradient* tensors, std::int32_t count, float max_norm, float* norm,
                                  std::int32_t* all_finite, const bnas_scratch* scratch, bnas_stream_t stream) {
  return with_gradients(tensors, count, [&](const cuda::Gradient* first, int n) {
    return cuda::clip_grad_norm(first, n, max_norm, norm, all_finite, c_api::from_c(scratch), stream);
  });
}

bnas_status_t bnas_sum_squares_workspace(const bnas_gradient* tensors, std::int32_t count, std::size_t* bytes) {
  if (bytes == nullptr) {
    return c_api::to_c(cuda::invalid_argument("sum_squares_workspace: bytes is null"));
  }
  return with_gradients(tensors, count, [&](const cuda::Gradient* first, int n) {
    *bytes = cuda::sum_squares_workspace_bytes(first, n);
    return cuda::Status{};
  });
}
