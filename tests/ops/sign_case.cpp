// SPDX-License-Identifier: Apache-2.0
// Binarization: the forward sign is exact, the gradients are the published rules.
#include <cmath>

#include "bnas/core/ops/binary.hpp"
#include "support/op_case.hpp"

namespace bnas::test {
namespace {

Array sign_oracle(const Arrays& in) {
  Array y = in[0];
  for (double& value : y.values) {
    value = value < 0.0 ? -1.0 : 1.0;
  }
  return y;
}

double ste(double x) { return std::fabs(x) <= 1.0 ? 1.0 : 0.0; }

double approx(double x) { return std::fabs(x) < 1.0 ? 2.0 - 2.0 * std::fabs(x) : 0.0; }

/// Derivative of 2 s(bx) (1 + bx (1 - s(bx))) - 1 with s the logistic function and b = 5 (Darabi et al. 2018,
/// equation 3), by the product rule: s' = s (1 - s).
double swish(double x) {
  const double b = 5.0, z = b * x;
  const double s = 1.0 / (1.0 + std::exp(-z)), ds = s * (1.0 - s);
  return 2.0 * b * (ds * (1.0 + z * (1.0 - s)) + s * ((1.0 - s) - z * ds));
}

/// dy times `rule`(x), element by element.
auto gated(double (*rule)(double)) {
  return [rule](const Arrays& in, const Array& dy) {
    Array dx = dy;
    for (std::int64_t i = 0; i < dx.size(); ++i) {
      dx[i] *= rule(in[0][i]);
    }
    return Arrays{dx};
  };
}

OpCase sign_case(const std::string& name, const Input& input, PseudoGradient kind, double (*rule)(double)) {
  return {.op = "sign",
          .name = name,
          .inputs = {input},
          .build = [kind](Context& ctx, const auto& in) { return ops::sign(ctx, in[0], kind); },
          .oracle = sign_oracle,
          .result = DType::bit,
          .gradient = Gradient::closed_form,
          .closed_form = gated(rule)};
}

std::vector<OpCase> sign_cases() {
  // Zeros of both signs, the gate's edge and its neighbours, the smallest and largest numbers.
  const float above = std::nextafter(1.0F, 2.0F), below = std::nextafter(1.0F, 0.0F);
  const float tiny = std::numeric_limits<float>::denorm_min(), huge = std::numeric_limits<float>::max();
  const std::vector<double> edges = {0.0, -0.0, 1.0, -1.0, above, -above, below, -below, tiny, -tiny, huge, -huge};
  const Input edge_values = Input::listed({1, 12}, edges);

  std::vector<OpCase> cases;
  const std::tuple<PseudoGradient, double (*)(double)> kinds[] = {
      {PseudoGradient::ste_sign, ste}, {PseudoGradient::approx_sign, approx}, {PseudoGradient::swish_sign, swish}};
  for (const auto& [kind, rule] : kinds) {
    const std::string name = ops::pseudo_gradient_name(kind);
    cases.push_back(sign_case(name + "_edges", edge_values, kind, rule));
    for (const std::int64_t channels : {1, 31, 32, 33, 64, 65, 96}) {
      cases.push_back(
          sign_case(name + "_channels_" + std::to_string(channels), Input::real({3, 4, channels}), kind, rule));
    }
  }
  cases.push_back(sign_case("of_i8", Input::integers({3, 33}, DType::i8, -3, 3), PseudoGradient::ste_sign, ste));
  cases.push_back(sign_case("of_i16", Input::integers({3, 65}, DType::i16, -2, 2), PseudoGradient::ste_sign, ste));
  cases.push_back(sign_case("of_i32", Input::integers({3, 31}, DType::i32, -2, 2), PseudoGradient::ste_sign, ste));
  cases.push_back(
      sign_case("approx_of_i8", Input::integers({3, 33}, DType::i8, -1, 1), PseudoGradient::approx_sign, approx));
  cases.push_back(
      sign_case("of_bits_passes_through", Input::bits({3, 33}), PseudoGradient::ste_sign, [](double) { return 1.0; }));
  for (const DType dtype : {DType::bit, DType::i8, DType::i16, DType::i32, DType::f32}) {
    const Shape shape{3, 7, 33};
    const Input input = dtype == DType::bit   ? Input::bits(shape)
                        : dtype == DType::f32 ? Input::real(shape)
                                              : Input::integers(shape, dtype, -100, 100);
    cases.push_back({.op = "to_float",
                     .name = dtype_name(dtype),
                     .inputs = {input},
                     .build = [](Context& ctx, const auto& in) { return ops::to_float(ctx, in[0]); },
                     .oracle = [](const Arrays& in) { return in[0]; }});
  }
  return cases;
}

const bool kAdded = add_cases(sign_cases());

}  // namespace
}  // namespace bnas::test
