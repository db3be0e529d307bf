// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernels/weights.hpp"

#include "backend/cuda/checks.hpp"
#include "backend/cuda/register.hpp"
#include "bnas/cuda/latent_filters.hpp"

namespace bnas::cuda_backend {
namespace {

cuda::FilterLayout layout_of(const Call& call, const Tensor& w) {
  call.expect("w", w, DType::f32);
  const Shape& s = w.shape();
  if (s.rank() < 2 || s.rank() > 4) {
    call.fail("w is " + s.text() + ", expected (O,KH,KW,C), (O,C) or (KH,KW,C)");
  }
  return {s.rank() == 3 ? s[2] : s[0], s.rank() == 2 ? 1 : s[-3] * s[-2], s[-1], s.rank() == 3};
}

/// Whether `scale` has one entry for all weights; it may have one for each filter instead.
bool is_whole(const Call& call, const char* name, const Tensor& scale, const cuda::FilterLayout& layout) {
  if (scale.numel() == 1) {
    call.expect(name, scale, DType::f32);
    return true;
  }
  call.expect(name, scale, DType::f32, Shape{layout.filters});
  return false;
}

Shape taps_of(const Tensor& w) { return {w.shape()[-3], w.shape()[-2]}; }

cuda::WeightGradientSlots slots(const Call& call, Tensor& dw, GradMode w_mode, const Tensor& w, Tensor& dpartner,
                                GradMode partner_mode, const Shape& partner) {
  call.expect("dw", dw, DType::f32, w.shape());
  call.expect("gradient of the partner", dpartner, DType::f32, partner);
  return {dw.data<float>(), w_mode == GradMode::accumulate, dpartner.data<float>(),
          partner_mode == GradMode::accumulate};
}

void filter_scale(Stream& stream, const Tensor& w, Tensor& scale) {
  const Call call("filter_scale", stream);
  const cuda::FilterLayout layout = layout_of(call, w);
  const bool whole = is_whole(call, "scale", scale, layout);
  call.require(cuda::filter_scale(w.data<float>(), layout, whole, scale.data<float>(), call.stream()));
}

void filter_scale_backward(Stream& stream, const Tensor& dscale, const Tensor& w, float gain, Tensor& dw,
                           GradMode mode) {
  const Call call("filter_scale_backward", stream);
  const cuda::FilterLayout layout = layout_of(call, w);
  const bool whole = is_whole(call, "dscale", dscale, layout);
  call.expect("dw", dw, DType::f32, w.shape());
  call.require(cuda::filter_scale_backward(dscale.data<float>(), w.data<float>(), layout, whole, gain, dw.data<float>(),
                                           mode == GradMode::accumulate, call.stream()));
}

void latent_backward(Stream& stream, const Tensor& dsign, const Tensor& w, const Tensor& scale, const SignRule& rule,
                     Tensor& dw, GradMode mode) {
  const Call call("latent_backward", stream);
  const cuda::FilterLayout layout = layout_of(call, w);
  const bool whole = is_whole(call, "scale", scale, layout);
  call.expect("dsign", dsign, DType::f32, w.shape());
  call.expect("dw", dw, DType::f32, w.shape());
  call.require(cuda::latent_backward(dsign.data<float>(), w.data<float>(), scale.data<float>(), layout, whole, rule,
                                     dw.data<float>(), mode == GradMode::accumulate, call.stream()));
}

void project_weights(Stream& stream, const Tensor& w, const Tensor& p, Tensor& y) {
  const Call call("project_weights", stream);
  const cuda::FilterLayout layout = layout_of(call, w);
  call.expect("p", p, DType::f32, taps_of(w));
  call.expect("y", y, DType::f32, w.shape());
  call.require(cuda::project_weights(w.data<float>(), p.data<float>(), layout, y.data<float>(), call.stream()));
}

void projection_backward(Stream& stream, const Tensor& dsign, const Tensor& w, const Tensor& p, const Tensor& scale,
                         const ProjectionRule& rule, Tensor& dw, GradMode w_mode, Tensor& dp, GradMode p_mode) {
  const Call call("projection_backward", stream);
  const cuda::FilterLayout layout = layout_of(call, w);
  call.expect("dsign", dsign, DType::f32, w.shape());
  call.expect("p", p, DType::f32, taps_of(w));
  call.expect("scale", scale, DType::f32, Shape{1});
  call.require(cuda::projection_backward(dsign.data<float>(), w.data<float>(), p.data<float>(), scale.data<float>(),
                                         layout, rule, slots(call, dw, w_mode, w, dp, p_mode, p.shape()),
                                         call.stream()));
}

void amplitude_backward(Stream& stream, const Tensor& dsign, const Tensor& w, const Tensor& m,
                        const AmplitudeRule& rule, Tensor& dw, GradMode w_mode, Tensor& dm, GradMode m_mode) {
  const Call call("amplitude_backward", stream);
  const cuda::FilterLayout layout = layout_of(call, w);
  call.expect("dsign", dsign, DType::f32, w.shape());
  call.expect("m", m, DType::f32, Shape{layout.filters});
  call.require(cuda::amplitude_backward(dsign.data<float>(), w.data<float>(), m.data<float>(), layout, rule,
                                        slots(call, dw, w_mode, w, dm, m_mode, m.shape()), call.stream()));
}

void center_weights(Stream& stream, Tensor& w) {
  const Call call("center_weights", stream);
  call.require(cuda::center_weights(w.data<float>(), layout_of(call, w), call.stream()));
}

}  // namespace

void register_weights(KernelTable& table) {
  table.add<kernels::FilterScale>(filter_scale);
  table.add<kernels::FilterScaleBackward>(filter_scale_backward);
  table.add<kernels::LatentBackward>(latent_backward);
  table.add<kernels::ProjectWeights>(project_weights);
  table.add<kernels::ProjectionBackward>(projection_backward);
  table.add<kernels::AmplitudeBackward>(amplitude_backward);
  table.add<kernels::CenterWeights>(center_weights);
}

}  // namespace bnas::cuda_backend
