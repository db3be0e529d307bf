// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/latent_filters.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("LatentFilters", "formula in double");

using Floats = std::vector<float>;

// One weight; a filter beyond a block's 256 threads; depthwise.
const FilterLayout kLayouts[] = {{1, 1, 1, false}, {3, 9, 33, false}, {5, 1, 8, false}, {40, 25, 40, true}};

std::size_t filter_of(const FilterLayout& l, std::size_t i) {
  return l.depthwise ? i % static_cast<std::size_t>(l.channels) : i / static_cast<std::size_t>(l.taps * l.channels);
}
std::size_t tap_of(const FilterLayout& l, std::size_t i) {
  return i / static_cast<std::size_t>(l.channels) % static_cast<std::size_t>(l.taps);
}

void expect_near(const Floats& got, const std::vector<double>& want, const char* what) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], want[i], 2e-6 * std::max(1.0, std::fabs(want[i]))) << what << " " << i;  // a few roundings
  }
}

class LatentFilters : public testing::TestWithParam<std::size_t> {
 protected:
  const FilterLayout layout_ = kLayouts[GetParam()];
  const std::size_t size_ = static_cast<std::size_t>(layout_.size());
  const std::size_t filters_ = static_cast<std::size_t>(layout_.filters),
                    taps_ = static_cast<std::size_t>(layout_.taps);
  const Floats w_ = random_floats(size_, 1), dsign_ = random_floats(size_, 2);
  const DeviceBuffer<float> d_w_ = DeviceBuffer<float>::input(w_), d_dsign_ = DeviceBuffer<float>::input(dsign_);
  const TestStream stream_;
};

TEST_P(LatentFilters, ScalesAndTheirGradient) {
  for (const bool whole : {false, true}) {
    const std::size_t entries = whole ? 1 : filters_, n = size_ / entries;
    const Floats dscale = random_floats(entries, 3);
    std::vector<double> scale(entries), dw(size_);
    for (std::size_t i = 0; i < size_; ++i) {
      const std::size_t entry = whole ? 0 : filter_of(layout_, i);
      scale[entry] += std::fabs(static_cast<double>(w_[i])) / static_cast<double>(n);
      dw[i] = 1.0 + 3.0 * (w_[i] < 0.0F ? -1.0 : 1.0) / static_cast<double>(n) * static_cast<double>(dscale[entry]);
    }
    const auto y = DeviceBuffer<float>::output(entries);
    auto gradient = DeviceBuffer<float>::output(size_);
    gradient.upload(Floats(size_, 1.0F));
    const auto d_dscale = DeviceBuffer<float>::input(dscale);
    require_ok(filter_scale(d_w_.data(), layout_, whole, y.data(), stream_.get()));
    require_ok(filter_scale_backward(d_dscale.data(), d_w_.data(), layout_, whole, 3.0F, gradient.data(), true,
                                     stream_.get()));
    stream_.synchronize();
    expect_near(y.download(), scale, "scale");
    expect_near(gradient.download(), dw, "gradient");
  }
}

TEST_P(LatentFilters, GradientsOfSigns) {
  Floats scale = random_floats(filters_, 4);
  for (float& a : scale) {
    a = std::fabs(a) + 0.5F;
  }
  const auto d_scale = DeviceBuffer<float>::input(scale);
  const SignRule rule{2.0F, 0.5F, 0.25F, true};
  std::vector<double> dw(size_);
  for (std::size_t i = 0; i < size_; ++i) {
    const double a = scale[filter_of(layout_, i)];
    dw[i] = dsign_[i] * ((std::fabs(w_[i]) < 1.0F ? 2.0 + 0.5 / a : 0.0) + 0.25 / a);
  }
  const auto gradient = DeviceBuffer<float>::output(size_);
  capture_and_replay(stream_, 2, [&](cudaStream_t s) {
    return latent_backward(d_dsign_.data(), d_w_.data(), d_scale.data(), layout_, false, rule, gradient.data(), false,
                           s);
  });
  expect_near(gradient.download(), dw, "latent");
}

TEST_P(LatentFilters, ProjectionsAndAmplitudes) {
  const Floats p = random_floats(taps_, 5), m = Floats(filters_, -0.75F);
  const ProjectionRule projection{0.5F, 0.25F};
  const AmplitudeRule amplitude{0.5F, 0.25F};
  constexpr double kScale = 0.5;
  std::vector<double> product(size_), dw(size_), dp(taps_, 2.0), dw_scalar(size_), dm(filters_);
  for (std::size_t i = 0; i < size_; ++i) {
    const double c = w_[i], q = p[tap_of(layout_, i)], delta = dsign_[i] / kScale;
    product[i] = c * q;
    const double task = std::fabs(c * q) <= 1.0 ? delta : 0.0, moved = c + 0.25 * delta;
    const double residual = q * moved - (c * q < 0.0 ? -kScale : kScale);
    dw[i] = task * q + 0.5 * residual * q;
    dp[tap_of(layout_, i)] += task * c + 0.5 * residual * moved;
    const double g = dsign_[i] / (0.5 * 0.75), direction = c < 0.0 ? -0.5 : 0.5, rest = c - direction * 0.75;
    dw_scalar[i] = g * 0.75 + 0.25 * rest;
    dm[filter_of(layout_, i)] += g * c - 0.25 * rest * direction;
  }
  const auto d_p = DeviceBuffer<float>::input(p), d_m = DeviceBuffer<float>::input(m),
             d_scale = DeviceBuffer<float>::input({static_cast<float>(kScale)});
  const auto y = DeviceBuffer<float>::output(size_), gradient = DeviceBuffer<float>::output(size_),
             scalar = DeviceBuffer<float>::output(size_), d_dm = DeviceBuffer<float>::output(filters_);
  auto d_dp = DeviceBuffer<float>::output(taps_);
  d_dp.upload(Floats(taps_, 2.0F));
  require_ok(project_weights(d_w_.data(), d_p.data(), layout_, y.data(), stream_.get()));
  require_ok(projection_backward(d_dsign_.data(), d_w_.data(), d_p.data(), d_scale.data(), layout_, projection,
                                 {gradient.data(), false, d_dp.data(), true}, stream_.get()));
  require_ok(amplitude_backward(d_dsign_.data(), d_w_.data(), d_m.data(), layout_, amplitude,
                                {scalar.data(), false, d_dm.data(), false}, stream_.get()));
  stream_.synchronize();
  expect_near(y.download(), product, "product");
  expect_near(gradient.download(), dw, "projection: weights");
  expect_near(d_dp.download(), dp, "projection: matrix");
  expect_near(scalar.download(), dw_scalar, "amplitude: weights");
  expect_near(d_dm.download(), dm, "amplitudes");
}

TEST_P(LatentFilters, CenteringTakesTheMeanOverChannels) {
  auto w = DeviceBuffer<float>::output(size_);
  Floats large = w_;
  for (float& value : large) {
    value *= 2.0F;
  }
  w.upload(large);
  require_ok(center_weights(w.data(), layout_, stream_.get()));
  stream_.synchronize();
  const auto c = static_cast<std::size_t>(layout_.channels);
  std::vector<double> want(size_);
  for (std::size_t i = 0; i < size_; ++i) {
    double mean = 0.0;
    for (std::size_t j = i / c * c; j < i / c * c + c; ++j) {
      mean += static_cast<double>(large[j]) / static_cast<double>(c);
    }
    want[i] = std::clamp(static_cast<double>(large[i]) - mean, -1.0, 1.0);
  }
  expect_near(w.download(), want, "centered");
}

INSTANTIATE_TEST_SUITE_P(Layouts, LatentFilters, testing::Range<std::size_t>(0, 4));

TEST(LatentFiltersArguments, AreChecked) {
  auto* p = reinterpret_cast<float*>(256);
  const auto invalid = StatusCode::invalid_argument;
  const FilterLayout one{1, 1, 1}, wrong{2, 1, 3, true}, none{};
  EXPECT_EQ(filter_scale(nullptr, one, true, p, nullptr).code, invalid);
  EXPECT_EQ(filter_scale(p, wrong, true, p, nullptr).code, invalid);
  EXPECT_EQ(filter_scale_backward(p, p, none, true, 1.0F, p, false, nullptr).code, invalid);
  EXPECT_EQ(latent_backward(p, p, nullptr, one, true, {}, p, false, nullptr).code, invalid);
  EXPECT_EQ(project_weights(p, nullptr, one, p, nullptr).code, invalid);
  EXPECT_EQ(projection_backward(p, p, p, p, one, {}, {p, false, nullptr, false}, nullptr).code, invalid);
  EXPECT_EQ(amplitude_backward(p, p, p, one, {}, {nullptr, false, p, false}, nullptr).code, invalid);
  EXPECT_EQ(center_weights(nullptr, one, nullptr).code, invalid);
}

}  // namespace
}  // namespace bnas::cuda::test
