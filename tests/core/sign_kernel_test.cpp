// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include "bnas/core/kernels/elementwise.hpp"
#include "kernel_support.hpp"

namespace bnas::test {
namespace {

class SignKernel : public CpuKernelTest {
 protected:
  void expect_signs(const Shape& shape, DType dtype, const Values& x) {
    Values signs(x.size()), inside(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      signs[i] = x[i] < 0 ? -1 : 1;
      inside[i] = std::abs(x[i]) <= 1 ? -1 : 1;  // mask bit 1 reads as -1
    }
    Tensor bits = garbage(shape, DType::bit);
    Tensor mask = garbage(shape, DType::bit);
    run<kernels::Sign>(tensor(shape, dtype, x), bits, mask);
    expect_equal(values(bits), signs);
    expect_equal(values(mask), inside);
    Tensor alone = garbage(shape, DType::bit);
    Tensor none;
    run<kernels::Sign>(tensor(shape, dtype, x), alone, none);
    expect_equal(values(alone), signs);
  }
};

TEST_F(SignKernel, BitsAndMaskOfEveryType) {
  for_each_target([&] {
    for (const std::int64_t c : kChannels) {
      const Shape shape{7, c};
      expect_signs(shape, DType::f32, random(shape.numel(), 1));
      for (const DType dtype : {DType::i8, DType::i16, DType::i32}) {
        expect_signs(shape, dtype, random_integers(shape.numel(), 2, 2));  // -2..2: both sides of the mask
      }
    }
  });
}

TEST_F(SignKernel, EdgesOfTheConvention) {
  const double inf = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double denormal = static_cast<double>(std::numeric_limits<float>::denorm_min());
  const double above_one = static_cast<double>(std::nextafter(1.0F, 2.0F));
  const Values x = {0.0, -0.0, nan, -nan, inf, -inf, denormal, -denormal, 1.0, -1.0, above_one, -above_one};
  for_each_target([&] {
    expect_signs(Shape{1, 12}, DType::f32, x);
    expect_signs(Shape{1, 3}, DType::i32, {2147483647.0, -2147483648.0, 0.0});
    expect_signs(Shape{1, 3}, DType::i16, {32767.0, -32768.0, -1.0});
    expect_signs(Shape{1, 3}, DType::i8, {127.0, -128.0, 1.0});
  });
}

TEST_F(SignKernel, MaskBackwardPassesWhereTheBitIsOne) {
  for_each_target([&] {
    for (const std::int64_t c : kChannels) {
      const Shape shape{5, c};
      const Values dy = random(shape.numel(), 3);
      const Values before = random(shape.numel(), 4);
      const Values mask = random(shape.numel(), 5);
      Values want(dy.size()), added(dy.size());
      for (std::size_t i = 0; i < dy.size(); ++i) {
        want[i] = mask[i] < 0 ? dy[i] : 0.0;
        added[i] = static_cast<float>(before[i]) + static_cast<float>(want[i]);
      }
      Tensor dx = garbage(shape, DType::f32);
      run<kernels::MaskBackward>(tensor(shape, DType::f32, dy), tensor(shape, DType::bit, mask), dx,
                                 GradMode::overwrite);
      expect_equal(values(dx), want);
      dx = tensor(shape, DType::f32, before);
      run<kernels::MaskBackward>(tensor(shape, DType::f32, dy), tensor(shape, DType::bit, mask), dx,
                                 GradMode::accumulate);
      expect_equal(values(dx), added);
    }
  });
}

TEST_F(SignKernel, PseudoGradientsInClosedForm) {
  Values x = random(60, 6);
  x.insert(x.end(), {0.0, 1.0, -1.0, 0.5, -0.5, 3.0, -15.0, 17.0, -1e30});
  const auto n = static_cast<std::int64_t>(x.size());
  const Values dy = random(n, 7);
  const auto slope = [](PseudoGradient kind, double v) {
    const double a = std::abs(v);
    switch (kind) {
      case PseudoGradient::ste_sign:
        return a <= 1 ? 1.0 : 0.0;
      case PseudoGradient::approx_sign:
        return a < 1 ? 2 - 2 * a : 0.0;
      case PseudoGradient::swish_sign:
        break;
    }
    return a > 16 ? 0.0 : 5 * (2 - 5 * v * std::tanh(2.5 * v)) / (1 + std::cosh(5 * v));
  };
  for_each_target([&] {
    for (const PseudoGradient kind :
         {PseudoGradient::ste_sign, PseudoGradient::approx_sign, PseudoGradient::swish_sign}) {
      for (const double start : {0.0, 1.5}) {
        Values want(x.size());
        for (std::size_t i = 0; i < x.size(); ++i) {
          want[i] = dy[i] * slope(kind, x[i]) + start;
        }
        const bool accumulate = start != 0.0;
        Tensor dx = accumulate ? tensor(Shape{n}, DType::f32, Values(x.size(), start)) : garbage(Shape{n}, DType::f32);
        run<kernels::SignBackward>(tensor(Shape{n}, DType::f32, dy), tensor(Shape{n}, DType::f32, x), kind, dx,
                                   accumulate ? GradMode::accumulate : GradMode::overwrite);
        expect_near(values(dx), want, 2e-6);  // an exponential and ten roundings of swish in float
      }
    }
  });
}

}  // namespace
}  // namespace bnas::test
