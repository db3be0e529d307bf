// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/lstm.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("LstmCell", "one step in double and its differences");

using Floats = std::vector<float>;
using Doubles = std::vector<double>;

// A handful of roundings and CUDA's exp (1 ulp) and tanh (2 ulp) on numbers up to 2.
constexpr double kTolerance = 1e-6;

void expect_near(const Floats& got, const Doubles& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(static_cast<double>(got[i]), want[i], kTolerance) << i;
  }
}

double logistic(double x) { return 1.0 / (1.0 + std::exp(-x)); }

/// One step in double.
struct Step {
  Doubles activated, c, h;
};

Step forward(const Doubles& gates, const Doubles& c_prev, std::size_t hidden) {
  Step s{gates, c_prev, c_prev};
  for (std::size_t k = 0; k < c_prev.size(); ++k) {
    const std::size_t at = k / hidden * 4 * hidden + k % hidden;
    const double i = s.activated[at] = logistic(gates[at]);
    const double g = s.activated[at + hidden] = std::tanh(gates[at + hidden]);
    const double f = s.activated[at + 2 * hidden] = logistic(gates[at + 2 * hidden] + 1.0);
    const double o = s.activated[at + 3 * hidden] = logistic(gates[at + 3 * hidden]);
    s.c[k] = f * c_prev[k] + i * g;
    s.h[k] = o * std::tanh(s.c[k]);
  }
  return s;
}

Doubles wide(const Floats& x) { return {x.begin(), x.end()}; }
Floats narrow(const Doubles& x) { return {x.begin(), x.end()}; }

struct Sizes {
  int n, hidden;
};
const Sizes kSizes[] = {{1, 1}, {3, 7}, {2, 129}, {5, 100}};  // 500 units: more than a block of 256

TEST(LstmCell, OneStepInDouble) {
  const TestStream stream;
  for (const auto& [n, hidden] : kSizes) {
    const auto units = static_cast<std::size_t>(n * hidden);
    const Floats gates = random_floats(4 * units, 1, 6.0F);
    for (const bool first : {false, true}) {
      const Floats c_prev = first ? Floats(units) : random_floats(units, 2);
      const auto before = DeviceBuffer<float>::input(c_prev);
      auto d_gates = DeviceBuffer<float>::output(4 * units);
      d_gates.upload(gates);
      const auto c = DeviceBuffer<float>::output(units), h = DeviceBuffer<float>::output(units);
      capture_and_replay(stream, 1, [&, n = n, hidden = hidden](cudaStream_t s) {
        return lstm_cell(d_gates.data(), first ? nullptr : before.data(), n, hidden, c.data(), h.data(), s);
      });
      const Step want = forward(wide(gates), wide(c_prev), static_cast<std::size_t>(hidden));
      expect_near(d_gates.download(), want.activated);
      expect_near(c.download(), want.c);
      expect_near(h.download(), want.h);
    }
  }
}

TEST(LstmCell, SaturatesWithoutNaN) {
  const TestStream stream;
  auto gates = DeviceBuffer<float>::output(8), c = DeviceBuffer<float>::output(2);
  gates.upload({1e4F, 1e4F, 1e4F, 1e4F, -1e4F, -1e4F, -1e4F, -1e4F});
  c.upload({2.0F, 2.0F});
  const auto h = DeviceBuffer<float>::output(2);
  require_ok(lstm_cell(gates.data(), c.data(), 2, 1, c.data(), h.data(), stream.get()));  // c in place
  stream.synchronize();
  expect_near(c.download(), {3.0, 0.0});
  expect_near(h.download(), {std::tanh(3.0), 0.0});
}

// Every derivative is a central difference of the step in double, whose error of 1e-10 does not show.
TEST(LstmCell, BackwardIsTheDifferenceQuotient) {
  const TestStream stream;
  constexpr double kDifference = 1e-5;
  for (const auto& [n, hidden] : kSizes) {
    const auto units = static_cast<std::size_t>(n * hidden), width = static_cast<std::size_t>(hidden);
    const Doubles gates = wide(random_floats(4 * units, 3, 2.0F)), before = wide(random_floats(units, 4));
    const Floats dh = random_floats(units, 5), dc = random_floats(units, 6);
    const Step s = forward(gates, before, width);
    // A unit depends on its own four gates and state alone: input 0 to 3, and 4.
    const auto slope = [&](std::size_t k, std::size_t input) {
      double difference = 0.0;
      for (const double sign : {1.0, -1.0}) {
        Doubles own(4), state{before[k]};
        for (std::size_t j = 0; j < 4; ++j) {
          own[j] = gates[(k / width * 4 + j) * width + k % width];
        }
        (input < 4 ? own[input] : state[0]) += sign * kDifference;
        const Step moved = forward(own, state, 1);
        difference += sign * (static_cast<double>(dh[k]) * moved.h[0] + static_cast<double>(dc[k]) * moved.c[0]);
      }
      return difference / (2.0 * kDifference);
    };
    Doubles dgates(4 * units), dbefore(units);
    for (std::size_t k = 0; k < units; ++k) {
      for (std::size_t gate = 0; gate < 4; ++gate) {
        dgates[(k / width * 4 + gate) * width + k % width] = slope(k, gate);
      }
      dbefore[k] = slope(k, 4);
    }
    const auto d_dh = DeviceBuffer<float>::input(dh), d_dc = DeviceBuffer<float>::input(dc);
    const auto activated = DeviceBuffer<float>::input(narrow(s.activated)), c = DeviceBuffer<float>::input(narrow(s.c));
    const auto c_prev = DeviceBuffer<float>::input(narrow(before));
    const auto to = DeviceBuffer<float>::output(4 * units), to_prev = DeviceBuffer<float>::output(units);
    const LstmCellBackward call{d_dh.data(), d_dc.data(), activated.data(), c_prev.data(),
                                c.data(),    to.data(),   to_prev.data()};
    capture_and_replay(stream, 2, [&, n = n, hidden = hidden](cudaStream_t to_stream) {
      return lstm_cell_backward(call, n, hidden, to_stream);
    });
    expect_near(to.download(), dgates);
    expect_near(to_prev.download(), dbefore);
  }
}

TEST(LstmCell, BackwardTakesNullAsZeros) {
  const TestStream stream;
  const auto gates = DeviceBuffer<float>::input({0.3F, -0.2F, 0.7F, 0.4F});
  const auto c = DeviceBuffer<float>::input({0.5F}), dh = DeviceBuffer<float>::input({1.5F});
  const auto zero = DeviceBuffer<float>::input({0.0F});
  const auto with = DeviceBuffer<float>::output(4), without = DeviceBuffer<float>::output(4);
  LstmCellBackward call{dh.data(), zero.data(), gates.data(), zero.data(), c.data(), with.data(), nullptr};
  require_ok(lstm_cell_backward(call, 1, 1, stream.get()));
  call.dc = call.c_prev = nullptr;
  call.dgates = without.data();
  require_ok(lstm_cell_backward(call, 1, 1, stream.get()));
  stream.synchronize();
  EXPECT_EQ(without.download(), with.download());
  EXPECT_NE(with.download()[0], 0.0F);
  call.c = nullptr;
  EXPECT_EQ(lstm_cell_backward(call, 1, 1, stream.get()).code, StatusCode::invalid_argument);
}

}  // namespace
}  // namespace bnas::cuda::test
