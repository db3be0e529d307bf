// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/lstm_score.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("LstmScore", "LSTM in double");

using Floats = std::vector<float>;
using Ints = std::vector<std::int32_t>;

double logistic(double x) { return 1.0 / (1.0 + std::exp(-x)); }

/// A model with two kinds of tokens, of 3 and 5 words, and sequences for it, on the host and on the device.
struct Case {
  int hidden, length;
  std::size_t n;
  Floats rows[2], weights, head, bias = {0.25F};
  Ints tokens;
  DeviceBuffer<float> d_rows0, d_rows1, d_weights, d_head, d_bias, packed, scores;
  DeviceBuffer<std::int32_t> d_tokens;
  DeviceBuffer<DeviceError> error = DeviceBuffer<DeviceError>::input({DeviceError{}});

  Case(int units, int steps, std::size_t count)
      : hidden(units),
        length(steps),
        n(count),
        rows{random_floats(3 * gates(), 1, 2.0F), random_floats(5 * gates(), 2, 2.0F)},
        weights(random_floats(gates() * width(), 3, 1.5F / std::sqrt(static_cast<float>(units)))),
        head(random_floats(width(), 4)),
        tokens(words()),
        d_rows0(DeviceBuffer<float>::input(rows[0])),
        d_rows1(DeviceBuffer<float>::input(rows[1])),
        d_weights(DeviceBuffer<float>::input(weights)),
        d_head(DeviceBuffer<float>::input(head)),
        d_bias(DeviceBuffer<float>::input(bias)),
        packed(DeviceBuffer<float>::output(weights.size())),
        scores(DeviceBuffer<float>::output(n)),
        d_tokens(DeviceBuffer<std::int32_t>::input(tokens)) {}

  std::size_t width() const { return static_cast<std::size_t>(hidden); }
  std::size_t gates() const { return 4 * width(); }
  std::size_t steps() const { return static_cast<std::size_t>(length); }
  static std::size_t kind(std::size_t t) { return t % 4 < 2 ? 0 : 1; }
  Ints words() const {
    const RandomKey key{3, 9, RandomPurpose::sample};
    Ints out;
    for (std::size_t i = 0; i < n * steps(); ++i) {
      out.push_back(static_cast<std::int32_t>(key.below(i, kind(i % steps()) == 0 ? 3 : 5)));
    }
    return out;
  }
  LstmScorer model() const {
    LstmScorer m;
    m.tokens[0] = m.tokens[1] = {d_rows0.data(), 3};
    m.tokens[2] = m.tokens[3] = {d_rows1.data(), 5};
    m.hidden = hidden;
    m.recurrent = packed.data();
    m.head = d_head.data();
    m.head_bias = d_bias.data();
    return m;
  }
  Status score(cudaStream_t stream) const {
    const Status status = pack_recurrent_weights(d_weights.data(), hidden, packed.data(), stream);
    return status.ok() ? lstm_score(model(), d_tokens.data(), static_cast<std::int64_t>(n), length, scores.data(),
                                    error.data(), stream)
                       : status;
  }
  /// Sequence i in double; a negative token adds nothing.
  double oracle(std::size_t i) const {
    std::vector<double> h(width()), c(width());
    for (std::size_t t = 0; t < steps(); ++t) {
      const std::int32_t token = tokens[i * steps() + t];
      std::vector<double> gate(gates());
      for (std::size_t g = 0; g < gates(); ++g) {
        gate[g] = token < 0 ? 0.0 : static_cast<double>(rows[kind(t)][static_cast<std::size_t>(token) * gates() + g]);
        for (std::size_t k = 0; k < width(); ++k) {
          gate[g] += static_cast<double>(weights[g * width() + k]) * h[k];
        }
      }
      for (std::size_t j = 0; j < width(); ++j) {
        c[j] = logistic(gate[2 * width() + j] + 1.0) * c[j] + logistic(gate[j]) * std::tanh(gate[width() + j]);
        h[j] = logistic(gate[3 * width() + j]) * std::tanh(c[j]);
      }
    }
    double sum = static_cast<double>(bias[0]);
    for (std::size_t j = 0; j < width(); ++j) {
      sum += static_cast<double>(head[j]) * h[j];
    }
    return sum;
  }
};

/// Gates are sums of `hidden` products below 1 and states of earlier steps: rounding grows with both. 1e-5 is some 80
/// roundings of numbers near 1.
void expect_scores(const Case& it) {
  const Floats got = it.scores.download();
  for (std::size_t i = 0; i < it.n; ++i) {
    EXPECT_NEAR(static_cast<double>(got[i]), it.oracle(i), 1e-5) << it.hidden << " units, sequence " << i;
  }
}

// One; a warp and its neighbours; the paper's size; more units than threads; the most; sequences around the 8 of a
// block.
TEST(LstmScore, SequencesInDouble) {
  const TestStream stream;
  const struct {
    int hidden, length;
    std::size_t n;
  } sizes[] = {{1, 1, 1},   {5, 4, 7},   {31, 8, 8},  {32, 5, 9},
               {33, 4, 17}, {100, 8, 3}, {260, 4, 2}, {kMaxScoredHidden, 2, 1}};
  for (const auto& s : sizes) {
    const Case it(s.hidden, s.length, s.n);
    require_ok(it.score(stream.get()));
    stream.synchronize();
    expect_scores(it);
    const Floats once = it.scores.download();
    capture_and_replay(stream, 2, [&](cudaStream_t to) { return it.score(to); });
    EXPECT_EQ(it.scores.download(), once);
    EXPECT_EQ(it.error.download()[0].op, IndexCheck::none);
  }
}

TEST(LstmScore, DoesNotDependOnItsNeighbours) {
  const TestStream stream;
  const Case it(20, 8, 11);
  require_ok(it.score(stream.get()));
  stream.synchronize();
  const Floats together = it.scores.download();
  const auto alone = DeviceBuffer<float>::output(1);
  for (std::size_t i = 0; i < it.n; ++i) {
    require_ok(
        lstm_score(it.model(), it.d_tokens.data() + i * it.steps(), 1, it.length, alone.data(), nullptr, stream.get()));
    stream.synchronize();
    EXPECT_EQ(alone.download()[0], together[i]) << i;
  }
}

TEST(LstmScore, NotesTokensOutsideTheirVocabulary) {
  const TestStream stream;
  Case it(6, 4, 2);
  it.tokens[5] = -1;
  it.d_tokens.upload(it.tokens);
  require_ok(it.score(stream.get()));
  stream.synchronize();
  expect_scores(it);
  const DeviceError error = it.error.download()[0];
  EXPECT_EQ(error.op, IndexCheck::embedding);
  EXPECT_EQ(error.position, 5);
  EXPECT_EQ(error.value, -1);
  EXPECT_EQ(error.limit, 3);
}

TEST(LstmScore, RefusesWhatItCannotScore) {
  const TestStream stream;
  const Case it(4, 4, 1);
  const auto code = [&](const LstmScorer& model, int length) {
    return lstm_score(model, it.d_tokens.data(), 1, length, it.scores.data(), nullptr, stream.get()).code;
  };
  LstmScorer model = it.model();
  EXPECT_EQ(code(model, 0), StatusCode::invalid_argument);
  model.hidden = kMaxScoredHidden + 1;
  EXPECT_EQ(code(model, 4), StatusCode::unsupported);
  model = it.model();
  model.tokens[3].rows = nullptr;
  EXPECT_EQ(code(model, 4), StatusCode::invalid_argument);
  EXPECT_EQ(pack_recurrent_weights(nullptr, 4, it.packed.data(), stream.get()).code, StatusCode::invalid_argument);
}

}  // namespace
}  // namespace bnas::cuda::test
