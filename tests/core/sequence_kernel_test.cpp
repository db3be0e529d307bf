// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernels/sequence.hpp"

#include <cmath>

#include "kernel_support.hpp"

namespace bnas::test {
namespace {

double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

class SequenceKernel : public CpuKernelTest {};

TEST_F(SequenceKernel, EmbeddingLooksUpAndScattersInOrder) {
  const std::int64_t d = 5;
  const Values table = random(4 * d, 1);
  const Values ids = {2, 0, 2, 3};
  const Values dy = random(4 * d, 2);
  Values want, gradient(table.size());
  for (std::size_t n = 0; n < ids.size(); ++n) {
    for (std::size_t i = 0; i < 5; ++i) {
      const std::size_t at = static_cast<std::size_t>(ids[n]) * 5 + i;
      want.push_back(table[at]);
      gradient[at] = static_cast<float>(gradient[at]) + static_cast<float>(dy[n * 5 + i]);
    }
  }
  const Tensor id = tensor(Shape{4}, DType::i32, ids);
  const Tensor upstream = tensor(Shape{4, d}, DType::f32, dy);
  Tensor y = garbage(Shape{4, d}, DType::f32);
  run<kernels::Embedding>(tensor(Shape{4, d}, DType::f32, table), id, y);
  expect_equal(values(y), want);
  Tensor dtable = garbage(Shape{4, d}, DType::f32);
  run<kernels::EmbeddingBackward>(upstream, id, dtable, GradMode::overwrite);
  expect_equal(values(dtable), gradient);
  dtable = tensor(Shape{4, d}, DType::f32, Values(20, 1.0));
  run<kernels::EmbeddingBackward>(upstream, id, dtable, GradMode::accumulate);
  for (double& g : gradient) {
    g += 1.0;
  }
  expect_near(values(dtable), gradient, 1e-6);
}

TEST_F(SequenceKernel, IdsOutOfRangeAreNamed) {
  const Tensor table = tensor(Shape{4, 2}, DType::f32, Values(8));
  Tensor y = garbage(Shape{3, 2}, DType::f32);
  try {
    run<kernels::Embedding>(table, tensor(Shape{3}, DType::i32, {0, 3, 4}), y);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "[embedding] cpu: ids[2] is 4, expected 0 <= value < 4");
  }
  EXPECT_THROW(run<kernels::Embedding>(table, tensor(Shape{3}, DType::i32, {0, -1, 1}), y), Error);
}

/// One step in double. `gates` before the nonlinearities in the order input, candidate, forget, output.
struct Step {
  Values activated, c, h;
};

Step forward(const Values& gates, const Values& c_prev, std::size_t hidden) {
  Step s{Values(gates.size()), Values(c_prev.size()), Values(c_prev.size())};
  for (std::size_t k = 0; k < c_prev.size(); ++k) {
    const std::size_t at = k / hidden * 4 * hidden + k % hidden;
    const double i = s.activated[at] = sigmoid(gates[at]);
    const double g = s.activated[at + hidden] = std::tanh(gates[at + hidden]);
    const double f = s.activated[at + 2 * hidden] = sigmoid(gates[at + 2 * hidden] + 1);
    const double o = s.activated[at + 3 * hidden] = sigmoid(gates[at + 3 * hidden]);
    s.c[k] = f * c_prev[k] + i * g;
    s.h[k] = o * std::tanh(s.c[k]);
  }
  return s;
}

TEST_F(SequenceKernel, LstmCellIsAccurateTo3e7) {
  for_each_target([&] {
    for (const std::int64_t hidden : {1, 7, 16, 100}) {
      const std::int64_t n = 3;
      const auto width = static_cast<std::size_t>(hidden);
      const Values gates = random(n * 4 * hidden, 3, 6.0);
      for (const bool first : {false, true}) {
        const Values c_prev = first ? Values(3 * width) : random(n * hidden, 4);
        const Step want = forward(gates, c_prev, width);
        Tensor t = tensor(Shape{n, 4 * hidden}, DType::f32, gates);
        Tensor c = garbage(Shape{n, hidden}, DType::f32);
        Tensor h = garbage(Shape{n, hidden}, DType::f32);
        run<kernels::LstmCell>(t, first ? Tensor{} : tensor(Shape{n, hidden}, DType::f32, c_prev), c, h);
        expect_near(values(t), want.activated, 3e-7);
        expect_near(values(c), want.c, 3e-7);
        expect_near(values(h), want.h, 3e-7);
      }
    }
  });
}

TEST_F(SequenceKernel, LstmCellSaturatesWithoutNaN) {
  for_each_target([&] {
    Tensor gates = tensor(Shape{2, 4}, DType::f32, {1e4, 1e4, 1e4, 1e4, -1e4, -1e4, -1e4, -1e4});
    Tensor c = garbage(Shape{2, 1}, DType::f32);
    Tensor h = garbage(Shape{2, 1}, DType::f32);
    run<kernels::LstmCell>(gates, tensor(Shape{2, 1}, DType::f32, {2.0, 2.0}), c, h);
    expect_near(values(c), {3.0, 0.0}, 1e-6);
    expect_near(values(h), {std::tanh(3.0), 0.0}, 1e-6);
  });
}

TEST_F(SequenceKernel, LstmBackwardIsTheDifferenceQuotient) {
  const std::int64_t n = 2;
  for (const std::int64_t hidden : {1, 17}) {
    const auto width = static_cast<std::size_t>(hidden);
    const Values gates = random(n * 4 * hidden, 5);
    const Values c_prev = random(n * hidden, 6);
    const Values dh = random(n * hidden, 7);
    const Values dc = random(n * hidden, 8);
    const auto objective = [&](const Values& g, const Values& c) {
      const Step s = forward(g, c, width);
      double sum = 0;
      for (std::size_t k = 0; k < s.h.size(); ++k) {
        sum += dh[k] * s.h[k] + dc[k] * s.c[k];
      }
      return sum;
    };
    constexpr double kStep = 1e-5;
    const auto slope = [&](const Values& at, std::size_t i, const auto& f) {
      Values up = at, down = at;
      up[i] += kStep;
      down[i] -= kStep;
      return (f(up) - f(down)) / (2 * kStep);
    };
    Values dgates(gates.size()), dc_prev(c_prev.size());
    for (std::size_t i = 0; i < gates.size(); ++i) {
      dgates[i] = slope(gates, i, [&](const Values& g) { return objective(g, c_prev); });
    }
    for (std::size_t i = 0; i < c_prev.size(); ++i) {
      dc_prev[i] = slope(c_prev, i, [&](const Values& c) { return objective(gates, c); });
    }
    const Step s = forward(gates, c_prev, width);
    for_each_target([&] {
      Tensor to = garbage(Shape{n, 4 * hidden}, DType::f32);
      Tensor to_prev = garbage(Shape{n, hidden}, DType::f32);
      run<kernels::LstmCellBackward>(tensor(Shape{n, hidden}, DType::f32, dh), tensor(Shape{n, hidden}, DType::f32, dc),
                                     tensor(Shape{n, 4 * hidden}, DType::f32, s.activated),
                                     tensor(Shape{n, hidden}, DType::f32, c_prev),
                                     tensor(Shape{n, hidden}, DType::f32, s.c), to, to_prev);
      expect_near(values(to), dgates, 1e-6);
      expect_near(values(to_prev), dc_prev, 1e-6);
    });
  }
}

TEST_F(SequenceKernel, LstmBackwardTakesUndefinedAsZeros) {
  const Values gates = {0.3, -0.2, 0.7, 0.4};
  const Values c = {0.5};
  const Tensor zero = tensor(Shape{1, 1}, DType::f32, {0.0});
  const Tensor dh = tensor(Shape{1, 1}, DType::f32, {1.5});
  const Tensor activated = tensor(Shape{1, 4}, DType::f32, gates);
  const Tensor cell = tensor(Shape{1, 1}, DType::f32, c);
  Tensor with_zeros = garbage(Shape{1, 4}, DType::f32);
  Tensor without = garbage(Shape{1, 4}, DType::f32);
  Tensor dc_prev = garbage(Shape{1, 1}, DType::f32);
  Tensor none;
  run<kernels::LstmCellBackward>(dh, zero, activated, zero, cell, with_zeros, dc_prev);
  run<kernels::LstmCellBackward>(dh, Tensor{}, activated, Tensor{}, cell, without, none);
  expect_equal(values(without), values(with_zeros));
  EXPECT_NE(values(without)[0], 0.0);
}

}  // namespace
}  // namespace bnas::test
