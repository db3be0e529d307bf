// SPDX-License-Identifier: Apache-2.0
// Weights are few beside activations: plain loops.
#include "backend/cpu/weights.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "backend/cpu/checks.hpp"

namespace bnas::cpu {
namespace {

void write(float& to, float value, GradMode mode) { to = mode == GradMode::accumulate ? to + value : value; }

/// Which filter and which tap weight i of (O,KH,KW,C), (O,C) or depthwise (KH,KW,C) belongs to.
class Layout {
 public:
  Layout(const char* op, const Tensor& w) {
    expect(op, "w", w, DType::f32);
    const int rank = w.shape().rank();
    if (rank < 2 || rank > 4) {
      throw_unexpected(op, "w", w, "f32 (O,KH,KW,C), (O,C) or (KH,KW,C)");
    }
    depthwise_ = rank == 3;
    size_ = w.numel();
    channels_ = w.shape().channels();
    filters_ = depthwise_ ? channels_ : w.shape()[0];
    taps_ = rank == 2 ? 1 : w.shape()[-3] * w.shape()[-2];
  }

  std::int64_t size() const { return size_; }
  std::int64_t taps() const { return taps_; }
  std::int64_t filters() const { return filters_; }

  /// Calls visit(weight, its filter, its tap) in the order of storage.
  template <class Visit>
  void for_each(Visit visit) const {
    std::int64_t i = 0;
    for (std::int64_t row = 0; row < (depthwise_ ? 1 : filters_); ++row) {
      for (std::int64_t tap = 0; tap < taps_; ++tap) {
        for (std::int64_t c = 0; c < channels_; ++c, ++i) {
          visit(i, depthwise_ ? c : row, tap);
        }
      }
    }
  }

  void expect_entries(const char* op, const char* name, const Tensor& scale) const {
    expect(op, name, scale, DType::f32);
    if (scale.numel() != 1 && scale.numel() != filters_) {
      throw_unexpected(op, name, scale, "one entry, or one for each of " + std::to_string(filters_) + " filters");
    }
  }

 private:
  bool depthwise_ = false;
  std::int64_t size_ = 0, channels_ = 0, filters_ = 0, taps_ = 0;
};

void write_sums(const std::vector<double>& sums, Tensor& to, GradMode mode) {
  for (std::size_t i = 0; i < sums.size(); ++i) {
    write(to.data<float>()[i], static_cast<float>(sums[i]), mode);
  }
}

}  // namespace

void filter_scale(Stream& /*stream*/, const Tensor& w, Tensor& scale) {
  const Layout layout("filter_scale", w);
  layout.expect_entries("filter_scale", "scale", scale);
  const bool whole = scale.numel() == 1;
  const float* weights = w.data<float>();
  std::vector<double> sums(static_cast<std::size_t>(scale.numel()), 0.0);
  layout.for_each([&](std::int64_t i, std::int64_t filter, std::int64_t) {
    sums[static_cast<std::size_t>(whole ? 0 : filter)] += std::fabs(static_cast<double>(weights[i]));
  });
  const std::int64_t weights_of_scale = layout.size() / scale.numel();
  for (double& sum : sums) {
    sum /= static_cast<double>(weights_of_scale);
  }
  write_sums(sums, scale, GradMode::overwrite);
}

void filter_scale_backward(Stream& /*stream*/, const Tensor& dscale, const Tensor& w, float gain, Tensor& dw,
                           GradMode mode) {
  const Layout layout("filter_scale_backward", w);
  layout.expect_entries("filter_scale_backward", "dscale", dscale);
  expect("filter_scale_backward", "dw", dw, DType::f32, w.shape());
  const bool whole = dscale.numel() == 1;
  const std::int64_t weights_of_scale = layout.size() / dscale.numel();
  const float share = gain / static_cast<float>(weights_of_scale);
  const float *weights = w.data<float>(), *upstream = dscale.data<float>();
  layout.for_each([&, gradient = dw.data<float>()](std::int64_t i, std::int64_t filter, std::int64_t) {
    const float part = share * upstream[whole ? 0 : filter];
    write(gradient[i], weights[i] < 0.0F ? -part : part, mode);
  });
}

void latent_backward(Stream& /*stream*/, const Tensor& dsign, const Tensor& w, const Tensor& scale,
                     const SignRule& rule, Tensor& dw, GradMode mode) {
  const Layout layout("latent_backward", w);
  layout.expect_entries("latent_backward", "scale", scale);
  expect("latent_backward", "dsign", dsign, DType::f32, w.shape());
  expect("latent_backward", "dw", dw, DType::f32, w.shape());
  const bool whole = scale.numel() == 1;
  const float *upstream = dsign.data<float>(), *weights = w.data<float>(), *amplitudes = scale.data<float>();
  layout.for_each([&, gradient = dw.data<float>()](std::int64_t i, std::int64_t filter, std::int64_t) {
    write(gradient[i], rule.gradient(upstream[i], weights[i], amplitudes[whole ? 0 : filter]), mode);
  });
}

void project_weights(Stream& /*stream*/, const Tensor& w, const Tensor& p, Tensor& y) {
  const Layout layout("project_weights", w);
  expect("project_weights", "p", p, DType::f32, Shape{w.shape()[-3], w.shape()[-2]});
  expect("project_weights", "y", y, DType::f32, w.shape());
  layout.for_each([weights = w.data<float>(), matrix = p.data<float>(), product = y.data<float>()](
                      std::int64_t i, std::int64_t, std::int64_t tap) { product[i] = weights[i] * matrix[tap]; });
}

void projection_backward(Stream& /*stream*/, const Tensor& dsign, const Tensor& w, const Tensor& p, const Tensor& scale,
                         const ProjectionRule& rule, Tensor& dw, GradMode w_mode, Tensor& dp, GradMode p_mode) {
  const Layout layout("projection_backward", w);
  expect("projection_backward", "dsign", dsign, DType::f32, w.shape());
  expect("projection_backward", "p", p, DType::f32, Shape{w.shape()[-3], w.shape()[-2]});
  expect("projection_backward", "scale", scale, DType::f32, Shape{1});
  expect("projection_backward", "dw", dw, DType::f32, w.shape());
  expect("projection_backward", "dp", dp, DType::f32, p.shape());
  const float *upstream = dsign.data<float>(), *weights = w.data<float>(), *matrix = p.data<float>();
  std::vector<double> sums(static_cast<std::size_t>(layout.taps()), 0.0);
  layout.for_each(
      [&, gradient = dw.data<float>(), a = scale.data<float>()[0]](std::int64_t i, std::int64_t, std::int64_t tap) {
        const WeightGradients g = rule.gradients(upstream[i], weights[i], matrix[tap], a);
        write(gradient[i], g.weight, w_mode);
        sums[static_cast<std::size_t>(tap)] += static_cast<double>(g.partner);
      });
  write_sums(sums, dp, p_mode);
}

void amplitude_backward(Stream& /*stream*/, const Tensor& dsign, const Tensor& w, const Tensor& m,
                        const AmplitudeRule& rule, Tensor& dw, GradMode w_mode, Tensor& dm, GradMode m_mode) {
  const Layout layout("amplitude_backward", w);
  const Shape per_filter{layout.filters()};
  expect("amplitude_backward", "dsign", dsign, DType::f32, w.shape());
  expect("amplitude_backward", "m", m, DType::f32, per_filter);
  expect("amplitude_backward", "dw", dw, DType::f32, w.shape());
  expect("amplitude_backward", "dm", dm, DType::f32, per_filter);
  const float *upstream = dsign.data<float>(), *weights = w.data<float>(), *amplitudes = m.data<float>();
  std::vector<double> sums(static_cast<std::size_t>(layout.filters()), 0.0);
  layout.for_each([&, gradient = dw.data<float>()](std::int64_t i, std::int64_t filter, std::int64_t) {
    const WeightGradients g = rule.gradients(upstream[i], weights[i], amplitudes[filter]);
    write(gradient[i], g.weight, w_mode);
    sums[static_cast<std::size_t>(filter)] += static_cast<double>(g.partner);
  });
  write_sums(sums, dm, m_mode);
}

void center_weights(Stream& /*stream*/, Tensor& w) {
  expect("center_weights", "w", w, DType::f32);
  const std::int64_t channels = w.shape().channels();
  for (auto* tap = w.data<float>(); tap != w.data<float>() + w.numel(); tap += channels) {
    double sum = 0.0;
    for (std::int64_t c = 0; c < channels; ++c) {
      sum += static_cast<double>(tap[c]);
    }
    const auto mean = static_cast<float>(sum / static_cast<double>(channels));
    for (std::int64_t c = 0; c < channels; ++c) {
      tap[c] = std::clamp(tap[c] - mean, -1.0F, 1.0F);
    }
  }
}

}  // namespace bnas::cpu
