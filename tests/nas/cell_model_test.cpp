// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/cell_model.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

#include "bnas/core/backend.hpp"
#include "bnas/nas/search_space.hpp"

namespace bnas::nas {
namespace {

using Tokens = std::vector<std::int32_t>;
using Numbers = std::vector<double>;

/// A parameter on the host.
struct Matrix {
  std::size_t rows = 0, columns = 0;
  Numbers values;
  double at(std::size_t r, std::size_t c) const { return values[r * columns + c]; }
};

double logistic(double x) { return 1.0 / (1.0 + std::exp(-x)); }

/// Oracles in double, written from the formulas.
struct Oracle {
  std::map<std::string, Matrix> p;

  Numbers embedding(const Tokens& cell, std::size_t position) const {
    const Matrix& table = p.at(position % 4 < 2 ? "inputs" : "operations");
    Numbers row;
    for (std::size_t c = 0; c < table.columns; ++c) {
      row.push_back(table.at(static_cast<std::size_t>(cell[position]), c));
    }
    return row;
  }
  Numbers dense(const Numbers& x, const std::string& weight, const std::string& bias) const {
    Numbers y;
    for (std::size_t o = 0; o < p.at(weight).rows; ++o) {
      y.push_back(p.at(bias).values[o]);
      for (std::size_t i = 0; i < x.size(); ++i) {
        y[o] += p.at(weight).at(o, i) * x[i];
      }
    }
    return y;
  }
  static Numbers relu(Numbers x) {
    for (double& v : x) {
      v = std::max(v, 0.0);
    }
    return x;
  }

  /// Hochreiter and Schmidhuber 1997; gates in the order input, candidate, forget (+1), output.
  double lstm(const Tokens& cell) const {
    const std::size_t hidden = p.at("head.weight").columns;
    Numbers h(hidden, 0.0);
    Numbers c(hidden, 0.0);
    for (std::size_t t = 0; t < cell.size(); ++t) {
      Numbers x = embedding(cell, t);
      x.insert(x.end(), h.begin(), h.end());
      const Numbers gates = dense(x, "lstm.weight", "lstm.bias");
      for (std::size_t j = 0; j < hidden; ++j) {
        c[j] = logistic(gates[2 * hidden + j] + 1.0) * c[j] + logistic(gates[j]) * std::tanh(gates[hidden + j]);
        h[j] = logistic(gates[3 * hidden + j]) * std::tanh(c[j]);
      }
    }
    return dense(h, "head.weight", "head.bias")[0];
  }

  double mlp(const Tokens& cell) const {
    const std::size_t blocks = cell.size() / 4;
    Numbers mean(p.at("first.weight").columns, 0.0);
    for (std::size_t b = 0; b < blocks; ++b) {
      Numbers block;
      for (std::size_t slot = 0; slot < 4; ++slot) {
        const Numbers part = embedding(cell, 4 * b + slot);
        block.insert(block.end(), part.begin(), part.end());
      }
      for (std::size_t i = 0; i < mean.size(); ++i) {
        mean[i] += block[i] / static_cast<double>(blocks);
      }
    }
    const Numbers a = relu(dense(mean, "first.weight", "first.bias"));
    return dense(relu(dense(a, "second.weight", "second.bias")), "head.weight", "head.bias")[0];
  }
};

class CellModelTest : public testing::TestWithParam<bool> {
 protected:
  CellModelTest() {
    // Sizes that fill no vector register, so that tails are used.
    const CellModelSize size{space_.input_tokens(), 5, 7, 9};
    const RandomKey key{11, 0, RandomPurpose::surrogate};
    model_ = lstm() ? make_lstm_model(*stream_, size, key, 0.4F) : make_mlp_model(*stream_, size, key, 0.4F);
    std::uint64_t spread = 0;
    model_->parameters([&](nn::Parameter& p) {  // larger than they start, biases not 0, so that nothing is linear
      std::vector<float> values = p.value.to_host(*stream_);
      for (float& v : values) {
        v = 3.0F * v + 0.8F * (key.uniform(1000 + spread++) - 0.5F);
      }
      p.value.copy_from(*stream_, Tensor::from_host(*stream_, p.value.shape(), std::span<const float>(values)));
      const auto rows = static_cast<std::size_t>(p.value.shape().rank() == 1 ? 1 : p.value.shape()[0]);
      oracle_.p[p.name] = {rows, values.size() / rows, Numbers(values.begin(), values.end())};
    });
    model_->prepare(*stream_);
    std::uint64_t index = 0;
    for (int i = 0; i < 300; ++i) {
      cells_.push_back(space_.tokens(space_.sample(1 + i % 5, key, index)));
    }
    cells_.push_back(cells_[3]);                                    // a duplicate
    cells_.emplace_back(cells_[4].begin(), cells_[4].begin() + 8);  // a cell that is the beginning of another
  }

  bool lstm() const { return GetParam(); }
  double expected(const Tokens& cell) const { return lstm() ? oracle_.lstm(cell) : oracle_.mlp(cell); }

  SearchSpace space_{SpaceConfig::pnas({"a", "b", "c", "d", "e"}, 5)};
  std::unique_ptr<Stream> stream_ = backend_for({}).make_stream();
  std::unique_ptr<CellModel> model_;
  Oracle oracle_;
  std::vector<Tokens> cells_;
};

// Sums of tens of float products of size about 1: relative 1e-5 leaves room for their roundings, through 20 steps.
constexpr double kTolerance = 1e-5;

TEST_P(CellModelTest, ScoresAreTheFormula) {
  const std::vector<float> scores = score_cells(*stream_, *model_, cells_);
  double least = scores[0];
  double most = scores[0];
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const double want = expected(cells_[i]);
    EXPECT_NEAR(scores[i], want, kTolerance * (1.0 + std::abs(want))) << "cell " << i;
    least = std::min(least, want);
    most = std::max(most, want);
  }
  EXPECT_GT(most - least, 0.1);
}

TEST_P(CellModelTest, TrainingLogitsAreTheFormula) {
  for (int blocks = 1; blocks <= 5; ++blocks) {
    Tokens batch;
    std::vector<double> want;
    for (const Tokens& cell : cells_) {
      if (cell.size() == 4 * static_cast<std::size_t>(blocks)) {
        batch.insert(batch.end(), cell.begin(), cell.end());
        want.push_back(expected(cell));
      }
    }
    Context ctx{*stream_};
    const std::vector<float> logits = model_->logits(ctx, batch, blocks).value.to_host(*stream_);
    ASSERT_EQ(logits.size(), want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      EXPECT_NEAR(logits[i], want[i], kTolerance * (1.0 + std::abs(want[i])));
    }
  }
}

TEST_P(CellModelTest, ScoresDoNotDependOnCompanyOrOrder) {
  // More than a chunk (1024), most of them with common beginnings.
  std::vector<Tokens> many;
  for (const Genotype& parent : {space_.first()[3], space_.first()[20]}) {
    for (const Genotype& g : space_.grow(parent)) {
      many.push_back(space_.tokens(g));
    }
  }
  const std::size_t grown = many.size();
  for (int i = 0; i < 5; ++i) {
    many.insert(many.end(), cells_.begin(), cells_.end());
  }
  ASSERT_GT(many.size(), 1500U);
  const std::vector<float> together = score_cells(*stream_, *model_, many);
  for (std::size_t i = 0; i < many.size(); i += i < grown ? 7 : 13) {
    const std::vector<float> alone = score_cells(*stream_, *model_, std::span(&many[i], 1));
    EXPECT_EQ(together[i], alone[0]) << "cell " << i;
  }
  std::vector<Tokens> reversed(many.rbegin(), many.rend());
  std::vector<float> backwards = score_cells(*stream_, *model_, reversed);
  EXPECT_EQ(together, std::vector<float>(backwards.rbegin(), backwards.rend()));
}

TEST_P(CellModelTest, NoCellsNoScores) { EXPECT_TRUE(score_cells(*stream_, *model_, {}).empty()); }

INSTANTIATE_TEST_SUITE_P(Models, CellModelTest, testing::Values(true, false),
                         [](const testing::TestParamInfo<bool>& param) { return param.param ? "Lstm" : "Mlp"; });

}  // namespace
}  // namespace bnas::nas
