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

// For up to eight channels: half of a long vector would idle.
using HalfTag = hn::CappedTag<float, 8>;

template <class D>
HWY_INLINE hn::Vec<D> load_as(D d, const float* from) {
  return hn::LoadU(d, from);
}
template <class D>
HWY_INLINE hn::Vec<D> load_as(D d, const std::int32_t* from) {
  return hn::ConvertTo(d, hn::LoadU(hn::RebindToSigned<D>(), from));
}
template <class D, class T>  // i16, i8
HWY_INLINE hn::Vec<D> load_as(D d, const T* from) {
  return hn::ConvertTo(d, hn::PromoteTo(hn::RebindToSigned<D>(), hn::LoadU(hn::Rebind<T, D>(), from)));
}

/// What dx and the sums need of D's channels from c on, row by row.
template <class D, class T>
class Columns {
 public:
  using Vec = hn::Vec<D>;

  HWY_INLINE Columns(const BatchNormGradient& g, const T* x, std::int64_t c)
      : g_(g), x_(x + c), c_(c), mean_(load_as(D(), g.mean.data() + c)), rstd_(load_as(D(), g.rstd.data() + c)) {}

  /// dy' of row r.
  HWY_INLINE Vec upstream(std::int64_t r) const {
    const Vec v = load_as(D(), g_.dy + r * g_.dy_row + c_);
    if (g_.mask == nullptr) {
      return v;
    }
    const Word bits = g_.mask[r * g_.words + c_ / kWordBits] >> static_cast<unsigned>(c_ % kWordBits);
    const std::uint8_t bytes[8] = {static_cast<std::uint8_t>(bits), static_cast<std::uint8_t>(bits >> 8U)};
    return hn::IfThenElseZero(hn::LoadMaskBits(D(), bytes), v);
  }
  HWY_INLINE Vec xhat(std::int64_t r) const {
    return hn::Mul(hn::Sub(load_as(D(), x_ + r * g_.channels), mean_), rstd_);
  }

 private:
  const BatchNormGradient& g_;
  const T* x_;
  std::int64_t c_;
  Vec mean_, rstd_;
};

/// to += from, of a vector's lanes.
template <class D>
HWY_INLINE void add_to_doubles(D d, hn::Vec<D> from, double* to) {
  HWY_ALIGN float lanes[hn::MaxLanes(D())];
  hn::Store(from, d, lanes);
  const hn::CappedTag<double, hn::MaxLanes(D())> dd;
  for (std::size_t i = 0; i < hn::Lanes(d); i += hn::Lanes(dd)) {
    const auto sum = hn::PromoteTo(dd, hn::LoadU(hn::Rebind<float, decltype(dd)>(), lanes + i));
    hn::StoreU(hn::Add(hn::LoadU(dd, to + i), sum), dd, to + i);
  }
}

/// sums[c] = dbeta, sums[C + c] = dgamma. Each channel is summed in float over blocks of 16 rows, in row order; the
/// blocks are added in double, in order: the same for every vector width.
template <class D, class T>
void sums_by_rows(const BatchNormGradient& g, const T* x, double* sums) {
  constexpr std::int64_t kBlockRows = 16;
  const D d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t c = 0; c < g.channels; c += lanes) {
    const Columns<D, T> columns(g, x, c);
    double all_sums[kMaxLanes] = {}, all_products[kMaxLanes] = {};
    for (std::int64_t first = 0; first < g.rows; first += kBlockRows) {
      auto sum = hn::Zero(d), product = hn::Zero(d);
      for (std::int64_t r = first; r < std::min(first + kBlockRows, g.rows); ++r) {
        const auto dy = columns.upstream(r);
        sum = hn::Add(sum, dy);
        product = hn::Add(product, hn::Mul(dy, columns.xhat(r)));
      }
      add_to_doubles(d, sum, all_sums);
      add_to_doubles(d, product, all_products);
    }
    std::copy_n(all_sums, std::min(lanes, g.channels - c), sums + c);
    std::copy_n(all_products, std::min(lanes, g.channels - c), sums + g.channels + c);
  }
}

/// dx of D's channels from c on.
template <class D, class T>
void input_by_rows(const BatchNormGradient& g, const T* x, float* dx, bool accumulate) {
  const D d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t c = 0; c < g.channels; c += lanes) {
    const Columns<D, T> columns(g, x, c);
    const auto mean_dy = load_as(d, g.mean_dy.data() + c), mean_product = load_as(d, g.mean_dy_xhat.data() + c);
    const auto scale = load_as(d, g.scale.data() + c);
    const bool whole = c + lanes <= g.channels;
    const auto used = hn::FirstN(d, static_cast<std::size_t>(g.channels - c));
    for (std::int64_t r = 0; r < g.rows; ++r) {
      const auto centered = hn::Sub(hn::Sub(columns.upstream(r), mean_dy), hn::Mul(columns.xhat(r), mean_product));
      auto v = hn::Mul(scale, centered);
      float* to = dx + r * g.channels + c;
      v = accumulate ? hn::Add(hn::LoadU(d, to), v) : v;
      if (whole) {
        hn::StoreU(v, d, to);
      } else {
        hn::BlendedStore(v, used, d, to);
      }
    }
  }
}

template <class T>
void gradient_sums(const BatchNormGradient& g, const T* x, double* sums) {
  g.channels <= 8 ? sums_by_rows<HalfTag>(g, x, sums) : sums_by_rows<FloatTag>(g, x, sums);
}

template <class T>
void input_gradient(const BatchNormGradient& g, const T* x, float* dx, bool accumulate) {
  g.channels <= 8 ? input_by_rows<HalfTag>(g, x, dx, accumulate) : input_by_rows<FloatTag>(g, x, dx, accumulate);
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
