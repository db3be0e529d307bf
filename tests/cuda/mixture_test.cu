// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/mixture.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("MixtureWeights", "formula in double and its differences") &&
                       testing_support::declare_oracle("BroadcastEntry", "host loops") &&
                       testing_support::declare_oracle("EntropyGradient", "differences of the formula in double");

using Floats = std::vector<float>;

constexpr int kEdges = 5, kOperations = 3;
const std::vector<std::int32_t> kGroups{0, 0, 1, 1, 1};
const Floats kAlive{1, 1, 1, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 1, 1};  // all, some, none, one, all

struct Inputs {
  Floats alpha = random_floats(kEdges * kOperations, 1), beta = random_floats(kEdges, 2);
};

Mixture mixture_of(const DeviceBuffer<float>& alpha, const DeviceBuffer<float>& beta,
                   const DeviceBuffer<float>& alive) {
  return {alpha.data(), beta.data(), alive.data(), kEdges, kOperations, 0.5F, true, kGroups.data()};
}

/// y of the definition, temperature 1/2.
std::vector<double> weights(const std::vector<double>& alpha, const std::vector<double>& beta) {
  std::vector<double> y(kEdges * (kOperations + 1), 0.0);
  for (std::size_t e = 0; e < kEdges; ++e) {
    double siblings = 0.0, all = 0.0;
    for (std::size_t f = 0; f < kEdges; ++f) {
      siblings += kGroups[f] == kGroups[e] ? std::exp(beta[f]) : 0.0;
    }
    const double b = std::exp(beta[e]) / siblings;
    for (std::size_t k = 0; k < kOperations; ++k) {
      all += kAlive[e * kOperations + k] * std::exp(2.0 * alpha[e * kOperations + k]);
    }
    for (std::size_t k = 0; k < kOperations && all > 0.0; ++k) {
      y[e * (kOperations + 1) + k] = b * kAlive[e * kOperations + k] * std::exp(2.0 * alpha[e * kOperations + k]) / all;
    }
    y[e * (kOperations + 1) + kOperations] = b;
  }
  return y;
}

std::vector<double> doubles(const Floats& values) { return {values.begin(), values.end()}; }

TEST(MixtureWeights, EqualTheDefinitionAndDifferentiateIt) {
  const TestStream stream;
  const Inputs in;
  const Floats dy = random_floats(kEdges * (kOperations + 1), 3);
  const auto alpha = DeviceBuffer<float>::input(in.alpha), beta = DeviceBuffer<float>::input(in.beta),
             alive = DeviceBuffer<float>::input(kAlive), d_dy = DeviceBuffer<float>::input(dy);
  const auto y = DeviceBuffer<float>::output(dy.size());
  auto dalpha = DeviceBuffer<float>::output(in.alpha.size()), dbeta = DeviceBuffer<float>::output(kEdges);
  const Mixture mixture = mixture_of(alpha, beta, alive);
  capture_and_replay(stream, 2, [&](cudaStream_t s) { return mixture_weights(mixture, y.data(), s); });
  const std::vector<double> want = weights(doubles(in.alpha), doubles(in.beta));
  const Floats got = y.download();
  for (std::size_t i = 0; i < want.size(); ++i) {
    EXPECT_NEAR(got[i], want[i], 1e-7) << i;  // rounded once
  }
  dbeta.upload(Floats(kEdges, 8.0F));
  require_ok(mixture_weights_backward(mixture, d_dy.data(), dalpha.data(), false, dbeta.data(), true, stream.get()));
  require_ok(mixture_weights_backward(mixture, d_dy.data(), nullptr, false, nullptr, false, stream.get()));
  stream.synchronize();
  const auto loss = [&](const std::vector<double>& a, const std::vector<double>& b) {
    const std::vector<double> values = weights(a, b);
    double sum = 0.0;
    for (std::size_t i = 0; i < values.size(); ++i) {
      sum += static_cast<double>(dy[i]) * values[i];
    }
    return sum;
  };
  constexpr double kStep = 1e-5;
  for (const bool of_alpha : {true, false}) {
    const Floats gradient = of_alpha ? dalpha.download() : dbeta.download();
    for (std::size_t i = 0; i < gradient.size(); ++i) {
      auto a = doubles(in.alpha), b = doubles(in.beta);
      double& moved = of_alpha ? a[i] : b[i];
      moved += kStep;
      const double plus = loss(a, b);
      moved -= 2.0 * kStep;
      EXPECT_NEAR(gradient[i], (plus - loss(a, b)) / (2.0 * kStep) + (of_alpha ? 0.0 : 8.0), 2e-6) << i;
    }
  }
}

TEST(BroadcastEntry, CopiesAndSums) {
  const TestStream stream;
  const auto table = DeviceBuffer<float>::input({3, 5, 7});
  for (const std::size_t n : {1, 255, 1000}) {
    const auto y = DeviceBuffer<float>::output(n);
    auto dtable = DeviceBuffer<float>::output(3);
    require_ok(broadcast_entry(table.data() + 1, static_cast<std::int64_t>(n), y.data(), stream.get()));
    require_ok(
        broadcast_entry_backward(y.data(), static_cast<std::int64_t>(n), 2, 3, dtable.data(), false, stream.get()));
    stream.synchronize();
    EXPECT_EQ(y.download(), Floats(n, 5.0F));
    EXPECT_EQ(dtable.download(), (Floats{0, 0, 5.0F * static_cast<float>(n)}));
    require_ok(
        broadcast_entry_backward(y.data(), static_cast<std::int64_t>(n), 0, 3, dtable.data(), true, stream.get()));
    stream.synchronize();
    EXPECT_EQ(dtable.download(), (Floats{5.0F * static_cast<float>(n), 0, 5.0F * static_cast<float>(n)}));
  }
}

TEST(EntropyGradient, OfAUniformEdgeIsZero) {
  const TestStream stream;
  const auto alpha = DeviceBuffer<float>::input({1, 1, 1, 0, 1, 0}),
             alive = DeviceBuffer<float>::input({1, 1, 1, 1, 1, 1});
  auto dalpha = DeviceBuffer<float>::output(6);
  Mixture mixture;
  mixture.alpha = alpha.data();
  mixture.alive = alive.data();
  mixture.edges = 2;
  mixture.operations = 3;
  require_ok(entropy_gradient(mixture, 4.0F, dalpha.data(), false, stream.get()));
  stream.synchronize();
  const Floats got = dalpha.download();
  const double p = std::exp(1.0) / (std::exp(1.0) + 2.0), q = 1.0 / (std::exp(1.0) + 2.0);
  const double entropy = -p * std::log(p) - 2.0 * q * std::log(q);
  EXPECT_NEAR(got[0], 0.0, 1e-7);
  EXPECT_NEAR(got[4], 2.0 * -p * (std::log(p) + entropy), 1e-6);
  EXPECT_NEAR(got[3], 2.0 * -q * (std::log(q) + entropy), 1e-6);
}

TEST(MixtureWeights, RefuseBadArguments) {
  auto* p = reinterpret_cast<float*>(256);
  const auto invalid = StatusCode::invalid_argument;
  Mixture mixture{p, p, p, kEdges, kOperations, 1.0F, true, kGroups.data()};
  EXPECT_EQ(mixture_weights(mixture, nullptr, nullptr).code, invalid);
  mixture.edges = kMostEdges + 1;
  EXPECT_EQ(mixture_weights(mixture, p, nullptr).code, invalid);
  mixture.edges = kEdges;
  mixture.temperature = 0.0F;
  EXPECT_EQ(mixture_weights_backward(mixture, p, p, false, p, false, nullptr).code, invalid);
  EXPECT_EQ(entropy_gradient({}, 1.0F, p, false, nullptr).code, invalid);
  EXPECT_EQ(broadcast_entry(nullptr, 1, p, nullptr).code, invalid);
  EXPECT_TRUE(broadcast_entry(nullptr, 0, nullptr, nullptr).ok());
  EXPECT_EQ(broadcast_entry_backward(p, 1, 3, 3, p, false, nullptr).code, invalid);
}

}  // namespace
}  // namespace bnas::cuda::test
