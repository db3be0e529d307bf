// SPDX-License-Identifier: Apache-2.0
// What the rules for binary weights come to in special cases.
#include <gtest/gtest.h>

#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/weights.hpp"
#include "support/device_data.hpp"

namespace bnas::test {
namespace {

class WeightRules : public testing::TestWithParam<Device> {
 protected:
  /// Gradient of latent weights under `upstream` through the bits that `signs` makes of them.
  template <class Signs>
  std::vector<double> gradient(const Tensor& w, const Tensor& upstream, Signs signs) {
    Tape tape(*stream_);
    Context ctx{*stream_, &tape, Mode::train};
    Tensor grad(*stream_, w.shape(), DType::f32);
    const Var bits = signs(ctx, tape.leaf(w, grad));
    tape.backward(bits, upstream);
    return download(*stream_, grad).values;
  }

  std::unique_ptr<Stream> stream_ = test_stream(GetParam());
};

// One projection of ones without its loss, amplitude 1: what is left is the straight-through estimator.
TEST_P(WeightRules, PcnnWithoutProjectionIsStraightThrough) {
  const Shape shape{4, 3, 3, 9};
  const Tensor w = upload(*stream_, generate(Input::real(shape), 1), DType::f32);
  const Tensor dy = upload(*stream_, generate(Input::real(shape), 2), DType::f32);
  const Tensor ones = Tensor::full(*stream_, {3, 3}, 1.0F), scale = Tensor::full(*stream_, {1}, 1.0F);
  const auto projected = gradient(w, dy, [&](Context& ctx, const Var& x) {
    return ops::projected_sign(ctx, x, Var{ones}, scale, {.lambda = 0.0F});
  });
  const auto straight = gradient(w, dy, [](Context& ctx, const Var& x) { return ops::sign(ctx, x); });
  EXPECT_EQ(projected, straight);
}

// The amplitude of a constant-amplitude gradient undoes the one with which the sign's gradient was made.
TEST_P(WeightRules, XnorWithAConstantAmplitudeIsStraightThroughOfTheWholeWeight) {
  const Shape shape{4, 3, 3, 9};
  const Tensor w = upload(*stream_, generate(Input::real(shape), 1), DType::f32);
  const Array of_weights = generate(Input::real(shape), 2);
  const Tensor scale = Tensor::full(*stream_, {4}, 0.25F);
  Array of_signs = of_weights;  // d(a B) = a dB
  for (double& value : of_signs.values) {
    value *= 0.25;
  }
  const auto xnor = gradient(w, upload(*stream_, of_signs, DType::f32), [&](Context& ctx, const Var& x) {
    return ops::latent_sign(ctx, x, scale, {0.0F, 1.0F, 0.0F, false});
  });
  const auto straight = gradient(w, upload(*stream_, of_weights, DType::f32),
                                 [](Context& ctx, const Var& x) { return ops::sign(ctx, x); });
  EXPECT_EQ(xnor, straight);
}

INSTANTIATE_TEST_SUITE_P(Devices, WeightRules, testing::ValuesIn(available_devices()), [](const auto& parameter) {
  std::string name = parameter.param.text();
  std::replace(name.begin(), name.end(), ':', '_');
  return name;
});

}  // namespace
}  // namespace bnas::test
