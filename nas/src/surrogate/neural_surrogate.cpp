// SPDX-License-Identifier: Apache-2.0
#include "surrogate/neural_surrogate.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "bnas/core/backend.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/ops/loss.hpp"
#include "bnas/core/ops/structure.hpp"
#include "bnas/core/optim/optimizer.hpp"
#include "bnas/core/step_feed.hpp"

namespace bnas::nas {
namespace {

using Tokens = std::vector<std::int32_t>;

constexpr std::size_t kBatch = 32;
// Streams of random numbers behind a member's key; models use the small ones.
constexpr std::uint64_t kShuffleStream = 1U << 20U;
constexpr std::uint64_t kFoldStream = 1U << 21U;

void shuffle(std::span<std::size_t> values, const RandomKey& key) {
  for (std::size_t i = values.size(); i > 1; --i) {  // Fisher and Yates
    std::swap(values[i - 1], values[key.below(i, static_cast<std::uint32_t>(i))]);
  }
}

/// Where training starts: the logit of the mean reward of the one-block cells (all cells when there is none), which
/// Progressive NAS gives as 1.8 for its own data. Kept finite for means of 0 and 1.
float initial_head_bias(std::span<const Tokens> tokens, std::span<const double> rewards) {
  const bool any_one_block = std::any_of(tokens.begin(), tokens.end(), [](const Tokens& t) { return t.size() == 4; });
  double sum = 0.0;
  double count = 0.0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (!any_one_block || tokens[i].size() == 4) {
      sum += rewards[i];
      count += 1.0;
    }
  }
  const double mean = std::clamp(sum / count, 0.01, 0.99);
  return static_cast<float>(std::log(mean / (1.0 - mean)));
}

}  // namespace

CellRegressor::CellRegressor(const SurrogateConfig& config, const CellModelSize& size, bool lstm, Device device,
                             std::uint64_t member)
    : config_(config),
      size_(size),
      lstm_(lstm),
      key_{config.seed, member, RandomPurpose::surrogate},
      stream_(backend_for(device).make_stream()) {}

void CellRegressor::fit(std::span<const Tokens> tokens, std::span<const double> rewards) {
  const float head_bias = initial_head_bias(tokens, rewards);
  model_ = lstm_ ? make_lstm_model(*stream_, size_, key_, head_bias) : make_mlp_model(*stream_, size_, key_, head_bias);
  std::vector<nn::Parameter*> parameters;
  model_->parameters([&](nn::Parameter& p) { parameters.push_back(&p); });
  AdamRule rule;
  rule.weight_decay = static_cast<float>(config_.regularization);
  const auto optimizer = optim::make_adam(rule, false);
  optimizer->prepare(*stream_, parameters);
  std::int64_t steps = 0;

  std::map<std::size_t, std::vector<std::size_t>> by_length;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    by_length[tokens[i].size()].push_back(i);
  }
  const bool first_level = by_length.size() == 1 && by_length.begin()->first == 4;
  const auto lr = static_cast<float>(first_level ? config_.lr_first : config_.lr);
  for (int epoch = 0; epoch < config_.epochs; ++epoch) {
    const RandomKey key = key_.derive(kShuffleStream + static_cast<std::uint64_t>(epoch));
    std::vector<std::vector<std::size_t>> batches;
    for (const auto& [length, members] : by_length) {
      std::vector<std::size_t> order = members;
      shuffle(order, key.derive(length));
      for (std::size_t begin = 0; begin < order.size(); begin += kBatch) {
        const auto first = order.begin() + static_cast<std::ptrdiff_t>(begin);
        batches.emplace_back(first, first + static_cast<std::ptrdiff_t>(std::min(kBatch, order.size() - begin)));
      }
    }
    std::vector<std::size_t> turns(batches.size());
    std::iota(turns.begin(), turns.end(), 0U);
    shuffle(turns, key);
    for (const std::size_t turn : turns) {
      step(tokens, rewards, batches[turn]);
      optimizer->step(*stream_,
                      step_tensor(*stream_, {.lr = lr, .bias_correction = optimizer->bias_correction(++steps)}));
    }
  }
  model_->prepare(*stream_);
}

void CellRegressor::step(std::span<const Tokens> tokens, std::span<const double> rewards,
                         std::span<const std::size_t> batch) {
  std::vector<std::int32_t> ids;
  std::vector<float> targets;
  for (const std::size_t i : batch) {
    ids.insert(ids.end(), tokens[i].begin(), tokens[i].end());
    targets.push_back(static_cast<float>(rewards[i]));
  }
  const Tensor target =
      Tensor::from_host(*stream_, {static_cast<std::int64_t>(targets.size())}, std::span<const float>(targets));
  Tape tape(*stream_);
  Context ctx{*stream_, &tape, Mode::train};
  const Var logits = model_->logits(ctx, ids, static_cast<int>(tokens[batch[0]].size() / 4));
  switch (config_.loss) {
    case SurrogateLoss::l1:
      tape.backward(ops::l1_loss(ctx, ops::sigmoid(ctx, logits), target));
      break;
    case SurrogateLoss::mse:
      tape.backward(ops::mse_loss(ctx, ops::sigmoid(ctx, logits), target));
      break;
    case SurrogateLoss::pairwise:  // ranks within a level, which is what the beam needs
      tape.backward(ops::pairwise_loss(ctx, logits, target));
      break;
  }
}

std::vector<double> CellRegressor::predict(std::span<const Tokens> tokens) const {
  const std::vector<float> logits = score_cells(*stream_, *model_, tokens);
  std::vector<double> rewards(logits.size());
  std::transform(logits.begin(), logits.end(), rewards.begin(),
                 [](float logit) { return 1.0 / (1.0 + std::exp(-static_cast<double>(logit))); });
  return rewards;
}

namespace {

class NeuralSurrogate final : public Surrogate {
 public:
  NeuralSurrogate(const SurrogateConfig& config, const SearchSpace& space, Device device) : config_(config) {
    const CellModelSize size{space.input_tokens(), static_cast<int>(space.config().operators.size()), config.embedding,
                             config.hidden};
    const bool lstm = config.kind.starts_with("lstm");
    const int members = config.kind.ends_with("-ensemble") ? config.members : 1;
    for (int k = 0; k < members; ++k) {
      members_.emplace_back(config, size, lstm, device, static_cast<std::uint64_t>(k));
    }
  }

  std::string name() const override { return config_.kind; }

  void fit(std::span<const Tokens> tokens, std::span<const double> rewards) override {
    if (members_.size() == 1) {
      members_[0].fit(tokens, rewards);
      return;
    }
    std::vector<std::size_t> order(tokens.size());
    std::iota(order.begin(), order.end(), 0U);
    shuffle(order, RandomKey{config_.seed, 0, RandomPurpose::surrogate}.derive(kFoldStream));
    std::vector<std::size_t> fold(tokens.size());
    for (std::size_t i = 0; i < order.size(); ++i) {
      fold[order[i]] = i % members_.size();
    }
    for (std::size_t k = 0; k < members_.size(); ++k) {
      std::vector<Tokens> seen;
      std::vector<double> targets;
      for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (fold[i] != k || tokens.size() == 1) {  // a single cell is for all
          seen.push_back(tokens[i]);
          targets.push_back(rewards[i]);
        }
      }
      members_[k].fit(seen, targets);
    }
  }

  std::vector<Prediction> predict(std::span<const Tokens> tokens) const override {
    std::vector<std::vector<double>> each;
    for (const CellRegressor& member : members_) {
      each.push_back(member.predict(tokens));
    }
    const auto n = static_cast<double>(each.size());
    std::vector<Prediction> all(tokens.size());
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (const std::vector<double>& values : each) {
        all[i].mean += values[i] / n;
      }
      double squares = 0.0;
      for (const std::vector<double>& values : each) {
        squares += (values[i] - all[i].mean) * (values[i] - all[i].mean);
      }
      all[i].spread = each.size() == 1 ? 0.0 : std::sqrt(squares / n);
    }
    return all;
  }

 private:
  SurrogateConfig config_;
  std::vector<CellRegressor> members_;
};

}  // namespace

std::unique_ptr<Surrogate> make_neural_surrogate(const SurrogateConfig& config, const SearchSpace& space,
                                                 Device device) {
  return std::make_unique<NeuralSurrogate>(config, space, device);
}

}  // namespace bnas::nas
