// SPDX-License-Identifier: Apache-2.0
#include "surrogate/gaussian_process.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "bnas/core/error.hpp"
#include "sampling.hpp"
#include "surrogate/cell_features.hpp"
#include "surrogate/cholesky.hpp"
#include "surrogate/model_parts.hpp"

namespace bnas::nas {
namespace {

using Tokens = std::vector<std::int32_t>;

// A fit costs n^3 / 3 steps, the search for hyperparameters about 80 of them.
constexpr std::size_t kMostCells = 1200;
constexpr std::size_t kMostForSearch = 320;

/// Logarithms of what the kernel is made of.
enum Hyper : std::size_t { linear, bend, length, noise, level, wiring_linear, wiring_length, kHypers };
using Hypers = std::array<double, kHypers>;

/// Normal priors of the logarithms, for rewards of unit variance and shares: mostly linear, bends over about half of
/// the space, noise of a third of the variance, levels that differ by half a deviation. Wide enough that 50 cells
/// outweigh them.
constexpr Hypers kPriorMean = {1.0, -1.0, -0.7, -1.0, -1.5, 0.0, 0.0};
constexpr Hypers kPriorSpread = {2.0, 2.0, 0.7, 1.5, 1.5, 2.0, 0.7};

constexpr double kLevelDecay = 0.7;  // correlation of the offsets of levels that are one block apart

/// What the kernel needs of two cells: inner products and squared distances of both groups of features, and by how many
/// blocks their sizes differ.
struct Pair {
  double operations_dot = 0.0;
  double operations_gap = 0.0;
  double wiring_dot = 0.0;
  double wiring_gap = 0.0;
  std::size_t level_gap = 0;
};

class Kernel {
 public:
  Kernel(const Hypers& h, bool wired)
      : linear_(std::exp(h[linear])),
        bend_(std::exp(h[bend])),
        per_length_(std::exp(-2.0 * h[length])),
        level_(std::exp(h[level])),
        wiring_linear_(wired ? std::exp(h[wiring_linear]) : 0.0),
        per_wiring_length_(wired ? std::exp(-2.0 * h[wiring_length]) : 0.0) {
    double part = level_;
    for (double& offset : level_parts_) {
      offset = part;
      part *= kLevelDecay;
    }
  }

  double operator()(const Pair& p) const {
    return linear_ * p.operations_dot + wiring_linear_ * p.wiring_dot + level_parts_[p.level_gap] +
           bend_ * std::exp(-per_length_ * p.operations_gap - per_wiring_length_ * p.wiring_gap);
  }

 private:
  double linear_, bend_, per_length_, level_, wiring_linear_, per_wiring_length_;
  std::array<double, kMaxBlocks> level_parts_{};
};

class GaussianProcess final : public Surrogate {
 public:
  GaussianProcess(const SearchSpace& space, std::uint64_t seed)
      : features_(space), key_{seed, 0, RandomPurpose::surrogate} {}

  std::string name() const override { return "gp"; }

  void fit(std::span<const Tokens> tokens, std::span<const double> rewards) override {
    const std::vector<std::size_t> kept = sample_indices(tokens.size(), kMostCells, key_.derive(1));
    const std::size_t n = kept.size();
    const std::size_t width = features_.size();
    x_.assign(n * width, 0.0);
    levels_.clear();
    std::vector<double> y(n);
    center_.assign(width, 0.0);
    mean_ = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      features_.write(tokens[kept[i]], std::span(x_).subspan(i * width, width));
      levels_.push_back(level_of(tokens[kept[i]]));
      mean_ += rewards[kept[i]] / static_cast<double>(n);
      for (std::size_t j = 0; j < width; ++j) {
        center_[j] += x_[i * width + j] / static_cast<double>(n);
      }
    }
    double variance = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      y[i] = rewards[kept[i]] - mean_;
      variance += y[i] * y[i] / static_cast<double>(n);
      for (std::size_t j = 0; j < width; ++j) {
        x_[i * width + j] -= center_[j];
      }
    }
    scale_ = variance > 0.0 ? std::sqrt(variance) : 1.0;  // equal rewards: every prediction is their mean
    for (double& value : y) {
      value /= scale_;
    }
    hypers_ = search(y);
    std::vector<Pair> pairs = all_pairs(x_, levels_);
    std::vector<double> matrix;
    weights_ = y;
    check(factorize(hypers_, pairs, n, matrix), "gp", "the kernel matrix is not positive definite");
    solve_lower(matrix, weights_);
    solve_upper(matrix, weights_);
  }

  std::vector<Prediction> predict(std::span<const Tokens> tokens) const override {
    const std::size_t width = features_.size();
    const Kernel kernel(hypers_, features_.wiring() > 0);
    std::vector<double> x(width);
    std::vector<Prediction> all;
    all.reserve(tokens.size());
    for (const Tokens& cell : tokens) {
      features_.write(cell, x);
      for (std::size_t j = 0; j < width; ++j) {
        x[j] -= center_[j];
      }
      double sum = 0.0;
      for (std::size_t i = 0; i < weights_.size(); ++i) {
        sum += weights_[i] * kernel(compare(x.data(), level_of(cell), x_.data() + i * width, levels_[i]));
      }
      all.push_back({mean_ + scale_ * sum, 0.0});
    }
    return all;
  }

 private:
  static int level_of(const Tokens& cell) { return static_cast<int>(cell.size()) / kTokensPerBlock; }

  Pair compare(const double* a, int a_level, const double* b, int b_level) const {
    Pair p;
    p.level_gap = static_cast<std::size_t>(std::abs(a_level - b_level));
    const std::size_t operations = features_.operations();
    for (std::size_t j = 0; j < operations; ++j) {
      p.operations_dot += a[j] * b[j];
      p.operations_gap += (a[j] - b[j]) * (a[j] - b[j]);
    }
    for (std::size_t j = operations; j < features_.size(); ++j) {
      p.wiring_dot += a[j] * b[j];
      p.wiring_gap += (a[j] - b[j]) * (a[j] - b[j]);
    }
    return p;
  }

  /// Upper triangle, row by row.
  std::vector<Pair> all_pairs(std::span<const double> x, std::span<const int> levels) const {
    const std::size_t n = levels.size();
    const std::size_t width = features_.size();
    std::vector<Pair> pairs;
    pairs.reserve(n * (n + 1) / 2);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = i; j < n; ++j) {
        pairs.push_back(compare(x.data() + i * width, levels[i], x.data() + j * width, levels[j]));
      }
    }
    return pairs;
  }

  bool factorize(const Hypers& hypers, std::span<const Pair> pairs, std::size_t n, std::vector<double>& matrix) const {
    const Kernel kernel(hypers, features_.wiring() > 0);
    matrix.resize(n * n);
    const Pair* pair = pairs.data();
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = i; j < n; ++j) {
        matrix[i * n + j] = kernel(*pair++);
      }
      matrix[i * n + i] += std::exp(hypers[noise]);
    }
    return cholesky(matrix, n);
  }

  /// Negative logarithm of the posterior of the hyperparameters, up to a constant.
  double cost(const Hypers& hypers, std::span<const Pair> pairs, std::span<const double> y,
              std::vector<double>& matrix) const {
    if (!factorize(hypers, pairs, y.size(), matrix)) {
      return std::numeric_limits<double>::infinity();
    }
    std::vector<double> half(y.begin(), y.end());
    solve_lower(matrix, half);
    double sum = 0.0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      sum += 0.5 * half[i] * half[i] + std::log(matrix[i * y.size() + i]);
    }
    for (std::size_t h = 0; h < kHypers; ++h) {
      const double off = (hypers[h] - kPriorMean[h]) / kPriorSpread[h];
      sum += 0.5 * off * off;
    }
    return sum;
  }

  /// By coordinate steps of halving size from the prior's mean: smooth, of few dimensions, and no derivative to get
  /// wrong.
  Hypers search(std::span<const double> all_y) const {
    const std::size_t width = features_.size();
    std::vector<double> x;
    std::vector<int> levels;
    std::vector<double> y;
    for (const std::size_t i : sample_indices(all_y.size(), kMostForSearch, key_.derive(2))) {
      x.insert(x.end(), x_.begin() + static_cast<std::ptrdiff_t>(i * width),
               x_.begin() + static_cast<std::ptrdiff_t>((i + 1) * width));
      levels.push_back(levels_[i]);
      y.push_back(all_y[i]);
    }
    const std::vector<Pair> pairs = all_pairs(x, levels);
    const std::size_t used = features_.wiring() > 0 ? kHypers : wiring_linear;
    std::vector<double> matrix;
    Hypers best = kPriorMean;
    double least = cost(best, pairs, y, matrix);
    constexpr double kFinest = 0.125;
    for (double step = 1.0; step >= kFinest;) {
      bool improved = false;
      for (std::size_t h = 0; h < used; ++h) {
        for (const double move : {step, -step}) {
          Hypers trial = best;
          trial[h] += move;
          if (const double value = cost(trial, pairs, y, matrix); value < least) {
            best = trial;
            least = value;
            improved = true;
            break;
          }
        }
      }
      step = improved ? step : step / 2.0;
    }
    return best;
  }

  CellFeatures features_;
  RandomKey key_;
  std::vector<double> x_;    // cells x features, centered
  std::vector<int> levels_;  // of the cells
  std::vector<double> center_;
  double mean_ = 0.0;
  double scale_ = 1.0;
  Hypers hypers_ = kPriorMean;
  std::vector<double> weights_;  // one per cell: the kernel matrix' inverse times the rewards
};

}  // namespace

std::unique_ptr<Surrogate> make_gaussian_process(const SearchSpace& space, std::uint64_t seed) {
  return std::make_unique<GaussianProcess>(space, seed);
}

}  // namespace bnas::nas
