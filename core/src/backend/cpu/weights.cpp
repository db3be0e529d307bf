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

/// Which filter and which tap weight i of (O,KH,KW,C) or depthwise (KH,KW,C) belongs to.
class Layout {
 public:
  Layout(const char* op, const Tensor& w) {
    expect(op, "w", w, DType::f32);
    const int rank = w.shape().rank();
    if (rank != 3 && rank != 4) {
      throw_unexpected(op, "w", w, "f32 (O,KH,KW,C) or (KH,KW,C)");
    }
    depthwise_ = rank == 3;
    size_ = w.numel();
    channels_ = w.shape().channels();
    filters_ = depthwise_ ? channels_ : w.shape()[0];
    taps_ = w.shape()[-3] * w.shape()[-2];
    per_filter_ = size_ / filters_;
  }

  std::int64_t size() const { return size_; }
  std::int64_t channels() const { return channels_; }
  std::int64_t taps() const { return taps_; }
  std::int64_t filters() const { return filters_; }
  std::int64_t filter(std::int64_t i) const { return depthwise_ ? i % channels_ : i / per_filter_; }
  std::int64_t tap(std::int64_t i) const { return i / channels_ % taps_; }

  /// Entry of `scale`, which has one per filter or one for all.
  std::int64_t entry(std::int64_t i, const Tensor& scale) const { return scale.numel() == 1 ? 0 : filter(i); }
  void expect_entries(const char* op, const char* name, const Tensor& scale) const {
    expect(op, name, scale, DType::f32);
    if (scale.numel() != 1 && scale.numel() != filters_) {
      throw_unexpected(op, name, scale, "one entry, or one for each of " + std::to_string(filters_) + " filters");
    }
  }

 private:
  bool depthwise_ = false;
  std::int64_t size_ = 0, channels_ = 0, filters_ = 0, taps_ = 0, per_filter_ = 0;
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
  std::vector<double> sums(static_cast<std::size_t>(scale.numel()), 0.0);
  for (std::int64_t i = 0; i < layout.size(); ++i) {
    sums[static_cast<std::size_t>(layout.entry(i, scale))] += std::fabs(static_cast<double>(w.data<float>()[i]));
  }
  for (double& sum : sums) {
    sum /= static_cast<double>(layout.size() / scale.numel());
  }
  write_sums(sums, scale, GradMode::overwrite);
}

void filter_scale_backward(Stream& /*stream*/, const Tensor& dscale, const Tensor& w, float gain, Tensor& dw,
                           GradMode mode) {
  const Layout layout("filter_scale_backward", w);
  layout.expect_entries("filter_scale_backward", "dscale", dscale);
  expect("filter_scale_backward", "dw", dw, DType::f32, w.shape());
  const float share = gain / static_cast<float>(layout.size() / dscale.numel());
  for (std::int64_t i = 0; i < layout.size(); ++i) {
    const float part = share * dscale.data<float>()[layout.entry(i, dscale)];
    write(dw.data<float>()[i], w.data<float>()[i] < 0.0F ? -part : part, mode);
  }
}

void latent_backward(Stream& /*stream*/, const Tensor& dsign, const Tensor& w, const Tensor& scale,
                     const SignRule& rule, Tensor& dw, GradMode mode) {
  const Layout layout("latent_backward", w);
  layout.expect_entries("latent_backward", "scale", scale);
  expect("latent_backward", "dsign", dsign, DType::f32, w.shape());
  expect("latent_backward", "dw", dw, DType::f32, w.shape());
  for (std::int64_t i = 0; i < layout.size(); ++i) {
    const float a = scale.data<float>()[layout.entry(i, scale)];
    write(dw.data<float>()[i], rule.gradient(dsign.data<float>()[i], w.data<float>()[i], a), mode);
  }
}

void project_weights(Stream& /*stream*/, const Tensor& w, const Tensor& p, Tensor& y) {
  const Layout layout("project_weights", w);
  expect("project_weights", "p", p, DType::f32, Shape{w.shape()[-3], w.shape()[-2]});
  expect("project_weights", "y", y, DType::f32, w.shape());
  for (std::int64_t i = 0; i < layout.size(); ++i) {
    y.data<float>()[i] = w.data<float>()[i] * p.data<float>()[layout.tap(i)];
  }
}

void projection_backward(Stream& /*stream*/, const Tensor& dsign, const Tensor& w, const Tensor& p, const Tensor& scale,
                         const ProjectionRule& rule, Tensor& dw, GradMode w_mode, Tensor& dp, GradMode p_mode) {
  const Layout layout("projection_backward", w);
  expect("projection_backward", "dsign", dsign, DType::f32, w.shape());
  expect("projection_backward", "p", p, DType::f32, Shape{w.shape()[-3], w.shape()[-2]});
  expect("projection_backward", "scale", scale, DType::f32, Shape{1});
  expect("projection_backward", "dw", dw, DType::f32, w.shape());
  expect("projection_backward", "dp", dp, DType::f32, p.shape());
  std::vector<double> sums(static_cast<std::size_t>(layout.taps()), 0.0);
  for (std::int64_t i = 0; i < layout.size(); ++i) {
    const std::int64_t tap = layout.tap(i);
    const WeightGradients g =
        rule.gradients(dsign.data<float>()[i], w.data<float>()[i], p.data<float>()[tap], scale.data<float>()[0]);
    write(dw.data<float>()[i], g.weight, w_mode);
    sums[static_cast<std::size_t>(tap)] += static_cast<double>(g.partner);
  }
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
  std::vector<double> sums(static_cast<std::size_t>(layout.filters()), 0.0);
  for (std::int64_t i = 0; i < layout.size(); ++i) {
    const std::int64_t filter = layout.filter(i);
    const WeightGradients g = rule.gradients(dsign.data<float>()[i], w.data<float>()[i], m.data<float>()[filter]);
    write(dw.data<float>()[i], g.weight, w_mode);
    sums[static_cast<std::size_t>(filter)] += static_cast<double>(g.partner);
  }
  write_sums(sums, dm, m_mode);
}

void center_weights(Stream& /*stream*/, Tensor& w) {
  expect("center_weights", "w", w, DType::f32);
  const std::int64_t channels = w.shape().channels();
  for (float* tap = w.data<float>(); tap != w.data<float>() + w.numel(); tap += channels) {
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
