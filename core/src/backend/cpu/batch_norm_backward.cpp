// SPDX-License-Identifier: Apache-2.0
// With xhat = (x - mean) * rstd and dy' = dy where the mask bit is 1, else 0 (Ioffe and Szegedy 2015, section 3):
//   dbeta = sum dy',  dgamma = sum dy' xhat,  dx = gamma rstd (dy' - dbeta / n - xhat dgamma / n).
// Multiplications and additions are not fused, so that all instruction sets agree bit for bit.
#include <vector>

#include "backend/cpu/checks.hpp"
#include "backend/cpu/norm.hpp"
#include "bnas/portable/batch_norm.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "backend/cpu/batch_norm_backward.cpp"
#define HWY_WANT_AVX3_DL
#include "hwy/foreach_target.h"
// After foreach_target.h.
#include "backend/cpu/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace bnas::cpu::HWY_NAMESPACE {
namespace {

/// The vector of dy' in row r from channel c.
HWY_INLINE FloatVec masked_dy(const BatchNormGradient& g, std::int64_t r, std::int64_t c) {
  const FloatVec v = load_floats(g.dy + r * g.dy_row + c);
  if (g.mask == nullptr) {
    return v;
  }
  return hn::IfThenElseZero(mask_of(g.mask[r * g.words + c / kWordBits] >> static_cast<unsigned>(c % kWordBits)), v);
}

/// sums[c] = dbeta, sums[C + c] = dgamma. Each channel is summed in float over blocks of 16 rows, in row order; the
/// blocks are added in double, in order: the same for every vector width.
template <class T>
void gradient_sums(const BatchNormGradient& g, const T* x, double* sums) {
  constexpr std::int64_t kBlockRows = 16;
  const FloatTag d;
  const auto lanes = static_cast<std::int64_t>(float_lanes());
  for (std::int64_t c = 0; c < g.channels; c += lanes) {
    const FloatVec mean = load_floats(g.mean.data() + c);
    const FloatVec rstd = load_floats(g.rstd.data() + c);
    const std::int64_t count = std::min(lanes, g.channels - c);
    for (std::int64_t first = 0; first < g.rows; first += kBlockRows) {
      FloatVec sum = hn::Zero(d);
      FloatVec product = hn::Zero(d);
      for (std::int64_t r = first; r < std::min(first + kBlockRows, g.rows); ++r) {
        const FloatVec dy = masked_dy(g, r, c);
        const FloatVec xhat = hn::Mul(hn::Sub(load_floats(x + r * g.channels + c), mean), rstd);
        sum = hn::Add(sum, dy);
        product = hn::Add(product, hn::Mul(dy, xhat));
      }
      HWY_ALIGN float block_sum[hn::MaxLanes(FloatTag())];
      HWY_ALIGN float block_product[hn::MaxLanes(FloatTag())];
      hn::Store(sum, d, block_sum);
      hn::Store(product, d, block_product);
      for (std::int64_t i = 0; i < count; ++i) {
        sums[c + i] += static_cast<double>(block_sum[i]);
        sums[g.channels + c + i] += static_cast<double>(block_product[i]);
      }
    }
  }
}

template <class T>
void input_gradient(const BatchNormGradient& g, const T* x, float* dx, bool accumulate) {
  for (std::int64_t r = 0; r < g.rows; ++r) {
    map_floats(g.channels, dx + r * g.channels, accumulate, [&](std::int64_t c) HWY_ATTR {
      const FloatVec dy = masked_dy(g, r, c);
      const FloatVec xhat = hn::Mul(hn::Sub(load_floats(x + r * g.channels + c), load_floats(g.mean.data() + c)),
                                    load_floats(g.rstd.data() + c));
      const FloatVec centered = hn::Sub(hn::Sub(dy, load_floats(g.mean_dy.data() + c)),
                                        hn::Mul(xhat, load_floats(g.mean_dy_xhat.data() + c)));
      return hn::Mul(load_floats(g.scale.data() + c), centered);
    });
  }
}

void sums_of_gradient(const BatchNormGradient& g, const Tensor& x, double* sums) {
  switch (x.dtype()) {
    case DType::i32:
      return gradient_sums(g, x.data<std::int32_t>(), sums);
    case DType::i16:
      return gradient_sums(g, x.data<std::int16_t>(), sums);
    case DType::i8:
      return gradient_sums(g, x.data<std::int8_t>(), sums);
    default:
      return gradient_sums(g, x.data<float>(), sums);
  }
}

void gradient_of_input(const BatchNormGradient& g, const Tensor& x, float* dx, bool accumulate) {
  switch (x.dtype()) {
    case DType::i32:
      return input_gradient(g, x.data<std::int32_t>(), dx, accumulate);
    case DType::i16:
      return input_gradient(g, x.data<std::int16_t>(), dx, accumulate);
    case DType::i8:
      return input_gradient(g, x.data<std::int8_t>(), dx, accumulate);
    default:
      return input_gradient(g, x.data<float>(), dx, accumulate);
  }
}

}  // namespace
}  // namespace bnas::cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace bnas::cpu {
HWY_EXPORT(sums_of_gradient);
HWY_EXPORT(gradient_of_input);

namespace {

void write_sums(const double* sums, GradMode mode, Tensor& gradient) {
  float* to = gradient.data<float>();
  for (std::int64_t c = 0; c < gradient.numel(); ++c) {
    const auto sum = static_cast<float>(sums[c]);
    to[c] = mode == GradMode::accumulate ? to[c] + sum : sum;
  }
}

}  // namespace

void batch_norm_backward(Stream& /*stream*/, const GradColumns& dy, const Tensor& mask, const Tensor& x,
                         const Tensor& mean, const Tensor& variance, const Tensor& gamma, float eps, bool frozen,
                         Tensor& dx, GradMode dx_mode, Tensor& dgamma, GradMode gamma_mode, Tensor& dbeta,
                         GradMode beta_mode) {
  constexpr const char* kOp = "batch_norm_backward";
  expect_number(kOp, "x", x);
  const std::int64_t channels = x.shape().channels();
  const Shape per_channel{channels};
  if (!dy.fit(x.shape())) {
    throw_unexpected(kOp, "dy", dy.tensor, "columns from " + std::to_string(dy.begin) + " on of " + x.shape().text());
  }
  expect(kOp, "mean", mean, DType::f32, per_channel);
  expect(kOp, "variance", variance, DType::f32, per_channel);
  expect(kOp, "gamma", gamma, DType::f32, per_channel);
  for (const Tensor* optional : {&dgamma, &dbeta}) {
    if (optional->defined()) {
      expect(kOp, "dgamma or dbeta", *optional, DType::f32, per_channel);
    }
  }
  if (mask.defined()) {
    expect(kOp, "mask", mask, DType::bit, x.shape());
  }

  BatchNormGradient g(dy, mask.defined() ? mask.data<Word>() : nullptr, x.shape());
  for (std::int64_t c = 0; c < channels; ++c) {
    const auto at = static_cast<std::size_t>(c);
    g.mean[at] = mean.data<float>()[c];
    g.rstd[at] = reciprocal_std(variance.data<float>()[c], eps);
    g.scale[at] = gamma.data<float>()[c] * g.rstd[at];
  }
  std::vector<double> sums(static_cast<std::size_t>(2 * channels));
  const bool wants_sums = dgamma.defined() || dbeta.defined() || (dx.defined() && !frozen);
  if (wants_sums) {
    HWY_DYNAMIC_DISPATCH(sums_of_gradient)(g, x, sums.data());
  }
  if (dbeta.defined()) {
    write_sums(sums.data(), beta_mode, dbeta);
  }
  if (dgamma.defined()) {
    write_sums(sums.data() + channels, gamma_mode, dgamma);
  }
  if (!dx.defined()) {
    return;
  }
  expect(kOp, "dx", dx, DType::f32, x.shape());
  for (std::int64_t c = 0; c < channels && !frozen; ++c) {
    const auto at = static_cast<std::size_t>(c);
    const auto rows = static_cast<double>(g.rows);
    g.mean_dy[at] = static_cast<float>(sums[at] / rows);
    g.mean_dy_xhat[at] = static_cast<float>(sums[static_cast<std::size_t>(channels) + at] / rows);
  }
  HWY_DYNAMIC_DISPATCH(gradient_of_input)(g, x, dx.data<float>(), dx_mode == GradMode::accumulate);
}

}  // namespace bnas::cpu
#endif  // HWY_ONCE
