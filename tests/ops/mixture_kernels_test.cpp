// SPDX-License-Identifier: Apache-2.0
// Kernels of a search that no operation records: the entropy's gradient and the centering of latent weights.
#include <gtest/gtest.h>

#include <cmath>

#include "bnas/core/kernels/mixture.hpp"
#include "bnas/core/kernels/weights.hpp"
#include "support/declared_oracle.hpp"
#include "support/device_data.hpp"

namespace bnas::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("MixtureKernels", "differences of the formula in double");

class MixtureKernels : public testing::TestWithParam<Device> {
 protected:
  std::unique_ptr<Stream> stream_ = test_stream(GetParam());
};

/// Mean over edges of the entropy of softmax(alpha / temperature) over the alive operations.
double mean_entropy(const Array& alpha, const Array& alive, double temperature) {
  const std::int64_t k = alpha.shape[1];
  double mean = 0.0;
  for (std::int64_t e = 0; e < alpha.shape[0]; ++e) {
    double all = 0.0;
    for (std::int64_t i = 0; i < k; ++i) {
      all += alive[e * k + i] * std::exp(alpha[e * k + i] / temperature);
    }
    for (std::int64_t i = 0; i < k; ++i) {
      if (alive[e * k + i] != 0.0) {
        const double p = std::exp(alpha[e * k + i] / temperature) / all;
        mean -= p * std::log(p) / static_cast<double>(alpha.shape[0]);
      }
    }
  }
  return mean;
}

TEST_P(MixtureKernels, EntropyGradientIsTheDerivative) {
  const Array alpha = generate(Input::real({3, 4}), 1);
  Array alive(alpha.shape);
  alive.values = {1, 1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 0};  // all, some, one
  constexpr double kTemperature = 0.5, kWeight = -3.0, kStep = 1e-5;
  Tensor gradient = upload(*stream_, Array(alpha.shape), DType::f32);
  const Tensor values = upload(*stream_, alpha, DType::f32), mask = upload(*stream_, alive, DType::f32);
  for (const GradMode mode : {GradMode::overwrite, GradMode::accumulate}) {
    dispatch<kernels::EntropyGradient>(*stream_, values, mask, static_cast<float>(kTemperature),
                                       static_cast<float>(kWeight), gradient, mode);
  }
  const Array got = download(*stream_, gradient);
  for (std::int64_t i = 0; i < alpha.size(); ++i) {
    Array plus = alpha, minus = alpha;
    plus[i] += kStep;
    minus[i] -= kStep;
    const double slope =
        (mean_entropy(plus, alive, kTemperature) - mean_entropy(minus, alive, kTemperature)) / (2.0 * kStep);
    EXPECT_NEAR(got[i], 2.0 * kWeight * slope, 1e-6) << i;
  }
}

TEST_P(MixtureKernels, CenteredWeightsHaveNoMeanOverChannelsAndStayInTheGate) {
  Array w(Shape{2, 1, 2, 3});
  w.values = {1, 2, 3, 0.5, 0.5, 0.5, -1, 0, 1, 4, -2, -2};
  Tensor weights = upload(*stream_, w, DType::f32);
  dispatch<kernels::CenterWeights>(*stream_, weights);
  EXPECT_EQ(download(*stream_, weights).values, (std::vector<double>{-1, 0, 1, 0, 0, 0, -1, 0, 1, 1, -1, -1}));
}

INSTANTIATE_TEST_SUITE_P(Devices, MixtureKernels, testing::ValuesIn(available_devices()), [](const auto& parameter) {
  std::string name = parameter.param.text();
  std::replace(name.begin(), name.end(), ':', '_');
  return name;
});

}  // namespace
}  // namespace bnas::test
