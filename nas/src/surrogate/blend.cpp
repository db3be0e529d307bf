// SPDX-License-Identifier: Apache-2.0
#include "surrogate/blend.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace bnas::nas {
namespace {

class Blend final : public Surrogate {
 public:
  Blend(std::unique_ptr<Surrogate> simple, std::unique_ptr<Surrogate> smooth, std::unique_ptr<Surrogate> rich)
      : parts_{std::move(simple), std::move(smooth), std::move(rich)} {}

  std::string name() const override { return "blend"; }

  void fit(std::span<const std::vector<std::int32_t>> tokens, std::span<const double> rewards) override {
    constexpr double kHalfway = 32.0;  // cells that are worth as much as the preference for the simple
    const double q = kHalfway / (kHalfway + static_cast<double>(tokens.size()));
    shares_ = {q, (1.0 - q) * (0.5 + 0.25 * q), (1.0 - q) * (0.5 - 0.25 * q)};
    for (const auto& part : parts_) {
      part->fit(tokens, rewards);
    }
  }

  std::vector<Prediction> predict(std::span<const std::vector<std::int32_t>> tokens) const override {
    std::vector<Prediction> all(tokens.size());
    std::vector<double> squares(tokens.size(), 0.0);
    for (std::size_t k = 0; k < parts_.size(); ++k) {
      const std::vector<Prediction> predictions = parts_[k]->predict(tokens);
      for (std::size_t i = 0; i < all.size(); ++i) {
        all[i].mean += shares_[k] * predictions[i].mean;
        squares[i] += shares_[k] * predictions[i].mean * predictions[i].mean;
      }
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i].spread = std::sqrt(std::max(0.0, squares[i] - all[i].mean * all[i].mean));
    }
    return all;
  }

 private:
  std::array<std::unique_ptr<Surrogate>, 3> parts_;
  std::array<double, 3> shares_{};
};

}  // namespace

std::unique_ptr<Surrogate> make_blend(std::unique_ptr<Surrogate> simple, std::unique_ptr<Surrogate> smooth,
                                      std::unique_ptr<Surrogate> rich) {
  return std::make_unique<Blend>(std::move(simple), std::move(smooth), std::move(rich));
}

}  // namespace bnas::nas
