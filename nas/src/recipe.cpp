// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/recipe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "batch_rule.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/ops/binary.hpp"

namespace bnas::nas {
namespace {

const std::vector<std::string> kLosses{"squared_hinge", "softmax_cross_entropy"};
const std::vector<std::string> kOptimizers{"adam", "amsgrad", "sgd", "bop"};

void require_word(const char* key, const std::string& word, const std::vector<std::string>& words) {
  if (std::find(words.begin(), words.end(), word) != words.end()) {
    return;
  }
  const std::string nearest = nearest_name(word, words.data(), words.data() + words.size());
  throw Error(ErrorKind::usage, fmt::format("{} is '{}', must be one of {}{}", key, word, fmt::join(words, ", "),
                                            nearest.empty() ? "" : "; did you mean '" + nearest + "'?"));
}

void require_range(const char* key, double value, double low, double high) {
  if (!(value >= low && value <= high)) {
    throw Error(ErrorKind::usage, fmt::format("{} is {}, must be {} to {}", key, value, low, high));
  }
}

}  // namespace

void Recipe::validate() const {
  require_word("loss", loss, kLosses);
  require_word("optimizer", optimizer, kOptimizers);
  require_range("batch_size", batch_size, 1, 65536);
  require_range("lr_start", schedule.lr_start, 1e-12, 1e6);
  require_range("lr_end", schedule.lr_end, schedule.kind == optim::ScheduleKind::exponential ? 1e-12 : 0.0, 1e6);
  require_range("warmup_epochs", schedule.warmup_epochs, 0, 1e6);
  require_range("weight_decay", weight_decay, 0, 1);
  require_range("adam_eps", adam_eps, 1e-12, 1);
  require_range("momentum", momentum, 0, 1);
  require_range("bop_gamma", bop_gamma, 0, 1);
  require_range("bop_threshold", bop_threshold, 0, 1);
  require_range("grad_clip", grad_clip, 0, 1e6);
  require_range("latent_clip", step.latent_clip, 0, 1e6);
  validate_batch_rule(batch);
  require_range("bn_momentum", layers.batch_norm.momentum, 0, 1);
  require_range("bn_eps", layers.batch_norm.eps, 1e-12, 1);
}

std::string Recipe::text() const {
  return fmt::format(
      "loss={} optimizer={} schedule={} lr={}..{} warmup={} batch={} decay={} adam_eps={} momentum={} nesterov={} "
      "bop={},{} "
      "grad_clip={} latent_clip={} glorot_lr={} activation_gradient={} weight_gradient={} pad={} xnor_scale={} "
      "bn={},{} "
      "{}",
      loss, optimizer, optim::schedule_name(schedule.kind), schedule.lr_start, schedule.lr_end, schedule.warmup_epochs,
      batch_size, weight_decay, adam_eps, momentum, nesterov, bop_gamma, bop_threshold, grad_clip, step.latent_clip,
      step.glorot_lr, ops::pseudo_gradient_name(layers.activation), ops::pseudo_gradient_name(layers.weight),
      layers.pad_value == PadValue::zero ? "zero" : "one", layers.xnor_scale, layers.batch_norm.momentum,
      layers.batch_norm.eps, batch_rule_text(batch));
}

std::unique_ptr<optim::Optimizer> make_optimizer(const Recipe& recipe) {
  AdamRule adam;
  adam.weight_decay = recipe.weight_decay;
  adam.eps = recipe.adam_eps;
  if (recipe.optimizer == "sgd") {
    return optim::make_sgd(
        {.momentum = recipe.momentum, .weight_decay = recipe.weight_decay, .nesterov = recipe.nesterov}, recipe.step);
  }
  if (recipe.optimizer == "bop") {
    return optim::make_bop({.gamma = recipe.bop_gamma, .threshold = recipe.bop_threshold},
                           optim::make_adam(adam, false, recipe.step));
  }
  return optim::make_adam(adam, recipe.optimizer == "amsgrad", recipe.step);
}

}  // namespace bnas::nas
