// SPDX-License-Identifier: Apache-2.0
#include "surrogate/blend.hpp"

#include <algorithm>
#include <cmath>

namespace bnas::nas {
namespace {

class Blend final : public Surrogate {
 public:
  explicit Blend(std::vector<std::unique_ptr<Surrogate>> parts) : parts_(std::move(parts)) {}

  std::string name() const override { return "blend"; }

  void fit(std::span<const std::vector<std::int32_t>> tokens, std::span<const double> rewards) override {
    for (const auto& part : parts_) {
      part->fit(tokens, rewards);
    }
  }

  std::vector<Prediction> predict(std::span<const std::vector<std::int32_t>> tokens) const override {
    std::vector<Prediction> all(tokens.size());
    std::vector<double> squares(tokens.size(), 0.0);
    const auto n = static_cast<double>(parts_.size());
    for (const auto& part : parts_) {
      const std::vector<Prediction> predictions = part->predict(tokens);
      for (std::size_t i = 0; i < all.size(); ++i) {
        all[i].mean += predictions[i].mean / n;
        squares[i] += predictions[i].mean * predictions[i].mean / n;
      }
    }
    for (std::size_t i = 0; i < all.size(); ++i) {
      all[i].spread = std::sqrt(std::max(0.0, squares[i] - all[i].mean * all[i].mean));
    }
    return all;
  }

 private:
  std::vector<std::unique_ptr<Surrogate>> parts_;
};

}  // namespace

std::unique_ptr<Surrogate> make_blend(std::vector<std::unique_ptr<Surrogate>> parts) {
  return std::make_unique<Blend>(std::move(parts));
}

}  // namespace bnas::nas
