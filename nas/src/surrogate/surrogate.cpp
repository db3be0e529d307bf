// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/surrogate.hpp"

#include <algorithm>
#include <cmath>

#include "bnas/core/error.hpp"
#include "surrogate/blend.hpp"
#include "surrogate/gaussian_process.hpp"
#include "surrogate/neural_surrogate.hpp"
#include "surrogate/ridge.hpp"

namespace bnas::nas {
namespace {

/// Refuses, before any surrogate sees them, data that it could not have come from the space or a measurement.
class CheckedSurrogate final : public Surrogate {
 public:
  CheckedSurrogate(std::unique_ptr<Surrogate> inner, const SearchSpace& space)
      : inner_(std::move(inner)),
        blocks_(space.config().blocks),
        inputs_(space.input_tokens()),
        operators_(static_cast<std::int32_t>(space.config().operators.size())) {}

  std::string name() const override { return inner_->name(); }

  void fit(std::span<const std::vector<std::int32_t>> tokens, std::span<const double> rewards) override {
    check(!tokens.empty() && tokens.size() == rewards.size(), "fit", "needs cells and one reward for each");
    require_tokens("fit", tokens);
    for (std::size_t i = 0; i < rewards.size(); ++i) {
      check(rewards[i] >= 0.0 && rewards[i] <= 1.0, "fit",
            "reward " + std::to_string(rewards[i]) + " of cell " + std::to_string(i) + " is not in [0, 1]");
    }
    inner_->fit(tokens, rewards);
    fitted_ = true;
  }

  std::vector<Prediction> predict(std::span<const std::vector<std::int32_t>> tokens) const override {
    check(fitted_, "predict", "the surrogate has not been fitted");
    require_tokens("predict", tokens);
    return inner_->predict(tokens);
  }

 private:
  void require_tokens(const char* op, std::span<const std::vector<std::int32_t>> tokens) const {
    for (const std::vector<std::int32_t>& cell : tokens) {
      check(!cell.empty() && cell.size() % 4 == 0 && cell.size() <= 4 * static_cast<std::size_t>(blocks_), op,
            "a cell has " + std::to_string(cell.size()) + " tokens, not 4 per block");
      for (std::size_t i = 0; i < cell.size(); ++i) {
        check(cell[i] >= 0 && cell[i] < (i % 4 < 2 ? inputs_ : operators_), op,
              "token " + std::to_string(cell[i]) + " at position " + std::to_string(i) + " is not of this space");
      }
    }
  }

  std::unique_ptr<Surrogate> inner_;
  int blocks_;
  std::int32_t inputs_;
  std::int32_t operators_;
  bool fitted_ = false;
};

void require(bool holds, const std::string& message) {
  if (!holds) {
    throw Error(ErrorKind::usage, message);
  }
}

void require_settings(const SurrogateConfig& config) {
  static const std::vector<std::string> kinds{"lstm", "mlp", "lstm-ensemble", "mlp-ensemble", "ridge", "gp", "blend"};
  if (std::find(kinds.begin(), kinds.end(), config.kind) == kinds.end()) {
    const std::string nearest = nearest_name(config.kind, kinds.data(), kinds.data() + kinds.size());
    throw Error(ErrorKind::usage,
                "unknown surrogate '" + config.kind + "'; " +
                    (nearest.empty() ? "known are blend, gp, lstm, mlp, lstm-ensemble, mlp-ensemble, ridge"
                                     : "did you mean '" + nearest + "'?"));
  }
  require(config.embedding >= 1 && config.embedding <= 1024, "surrogate embedding must be between 1 and 1024");
  require(config.hidden >= 1 && config.hidden <= 1024, "surrogate hidden must be between 1 and 1024");
  require(config.epochs >= 1, "surrogate epochs must be at least 1");
  require(config.lr_first > 0.0 && config.lr > 0.0 && std::isfinite(config.lr_first) && std::isfinite(config.lr),
          "surrogate learning rates must be positive");
  require(config.regularization >= 0.0 && std::isfinite(config.regularization),
          "surrogate regularization must not be negative");
  require(config.members >= 2 && config.members <= 64, "surrogate members must be between 2 and 64");
}

constexpr double kLeastLambda = 1e-6;  // shares of operations add up to 1: without it the equations are singular

std::unique_ptr<Surrogate> make_unchecked(const SurrogateConfig& config, const SearchSpace& space, Device device) {
  if (config.kind == "ridge") {
    return make_ridge_surrogate(std::max(config.regularization, kLeastLambda), space.config().operators.size());
  }
  if (config.kind == "gp") {
    return make_gaussian_process(space, config.seed);
  }
  if (config.kind == "blend") {
    SurrogateConfig networks = config;
    networks.kind = "mlp-ensemble";
    return make_blend(make_ridge_surrogate(kLeastLambda, space.config().operators.size()),
                      make_gaussian_process(space, config.seed), make_neural_surrogate(networks, space, device));
  }
  return make_neural_surrogate(config, space, device);
}

}  // namespace

std::unique_ptr<Surrogate> make_surrogate(const SurrogateConfig& config, const SearchSpace& space, Device device) {
  require_settings(config);
  return std::make_unique<CheckedSurrogate>(make_unchecked(config, space, device), space);
}

}  // namespace bnas::nas
