// SPDX-License-Identifier: Apache-2.0
#include "surrogate/ridge.hpp"

#include "bnas/core/error.hpp"
#include "surrogate/cholesky.hpp"

namespace bnas::nas {
namespace {

/// Minimizes sum_i (y_i - mean(y) - w . (x_i - mean(x)))^2 + lambda |w|^2: with S the centered scatter matrix and s the
/// centered products with y, (S + lambda I) w = s, which Cholesky's factorization solves. The intercept is free.
class Ridge final : public Surrogate {
 public:
  Ridge(double lambda, std::size_t operators) : lambda_(lambda), x_mean_(operators), weight_(operators) {}

  std::string name() const override { return "ridge"; }

  void fit(std::span<const std::vector<std::int32_t>> tokens, std::span<const double> rewards) override {
    const std::size_t k = weight_.size();
    const auto n = static_cast<double>(tokens.size());
    std::vector<std::vector<double>> x;
    x_mean_.assign(k, 0.0);
    y_mean_ = 0.0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      x.push_back(shares(tokens[i]));
      y_mean_ += rewards[i] / n;
      for (std::size_t j = 0; j < k; ++j) {
        x_mean_[j] += x[i][j] / n;
      }
    }
    std::vector<double> matrix(k * k, 0.0);
    std::vector<double> right(k, 0.0);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      for (std::size_t r = 0; r < k; ++r) {
        const double centered = x[i][r] - x_mean_[r];
        right[r] += centered * (rewards[i] - y_mean_);
        for (std::size_t c = 0; c < k; ++c) {
          matrix[r * k + c] += centered * (x[i][c] - x_mean_[c]);
        }
      }
    }
    for (std::size_t j = 0; j < k; ++j) {
      matrix[j * k + j] += lambda_;
    }
    check(cholesky(matrix, k), "ridge", "the scatter matrix is not positive definite");
    solve_lower(matrix, right);
    solve_upper(matrix, right);
    weight_ = std::move(right);
  }

  std::vector<Prediction> predict(std::span<const std::vector<std::int32_t>> tokens) const override {
    std::vector<Prediction> all;
    all.reserve(tokens.size());
    for (const std::vector<std::int32_t>& cell : tokens) {
      const std::vector<double> x = shares(cell);
      double y = y_mean_;
      for (std::size_t j = 0; j < x.size(); ++j) {
        y += weight_[j] * (x[j] - x_mean_[j]);
      }
      all.push_back({y, 0.0});
    }
    return all;
  }

 private:
  std::vector<double> shares(const std::vector<std::int32_t>& cell) const {
    std::vector<double> x(weight_.size(), 0.0);
    const double one = 2.0 / static_cast<double>(cell.size());  // half of the tokens are operations
    for (std::size_t i = 0; i < cell.size(); i += 4) {
      x[static_cast<std::size_t>(cell[i + 2])] += one;
      x[static_cast<std::size_t>(cell[i + 3])] += one;
    }
    return x;
  }

  double lambda_;
  std::vector<double> x_mean_;
  double y_mean_ = 0.0;
  std::vector<double> weight_;
};

}  // namespace

std::unique_ptr<Surrogate> make_ridge_surrogate(double lambda, std::size_t operators) {
  return std::make_unique<Ridge>(lambda, operators);
}

}  // namespace bnas::nas
