// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "bnas/nas/surrogate.hpp"

namespace bnas::test {

/// Predicts the mean, over a cell's halves, of the mean reward that cells with the half's operator had. Counts its
/// calls.
class ToySurrogate final : public nas::Surrogate {
 public:
  struct Calls {
    int fits = 0;
    std::size_t fitted = 0;     ///< cells of the last fit
    std::size_t predicted = 0;  ///< cells in all
    std::size_t largest = 0;    ///< cells in one call
  };
  explicit ToySurrogate(std::shared_ptr<Calls> calls = std::make_shared<Calls>()) : calls_(std::move(calls)) {}

  std::string name() const override { return "toy"; }

  void fit(std::span<const std::vector<std::int32_t>> tokens, std::span<const double> rewards) override {
    ++calls_->fits;
    calls_->fitted = tokens.size();
    std::map<std::int32_t, std::pair<double, int>> sums;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      for (std::size_t j = 0; j < tokens[i].size(); ++j) {
        if (j % 4 >= 2) {
          sums[tokens[i][j]].first += rewards[i];
          ++sums[tokens[i][j]].second;
        }
      }
    }
    means_.clear();
    for (const auto& [op, sum] : sums) {
      means_[op] = sum.first / sum.second;
    }
  }

  std::vector<nas::Prediction> predict(std::span<const std::vector<std::int32_t>> tokens) const override {
    calls_->predicted += tokens.size();
    calls_->largest = std::max(calls_->largest, tokens.size());
    std::vector<nas::Prediction> predictions;
    for (const std::vector<std::int32_t>& cell : tokens) {
      double sum = 0.0;
      for (std::size_t j = 0; j < cell.size(); ++j) {
        const auto found = means_.find(cell[j]);
        sum += j % 4 >= 2 && found != means_.end() ? found->second : 0.0;
      }
      predictions.push_back({2.0 * sum / static_cast<double>(cell.size()), 0.0});
    }
    return predictions;
  }

 private:
  std::shared_ptr<Calls> calls_;
  std::map<std::int32_t, double> means_;
};

}  // namespace bnas::test
