// SPDX-License-Identifier: Apache-2.0
// Float convolutions, their gradients and matrix products: exact on values whose sums are exact, within the rounding
// of a sum elsewhere, and the same bits on every instruction set.
#include <gtest/gtest.h>

#include <cmath>

#include "bnas/core/kernels/conv.hpp"
#include "support/conv_oracle.hpp"
#include "support/kernel_run.hpp"

namespace bnas {
namespace {

using namespace testing_support;

enum class Kernel { forward, backward_input, backward_weight };

/// One kernel on one shape: what it reads (a: x or dy, b: w or x) and what it starts from when it accumulates.
struct Case {
  Kernel kernel;
  bool depthwise;
  Conv2dDims d;
  bool b_bits;
  Values a, b, start;
};

Shape x_shape(const Conv2dDims& d) { return {d.n, d.h, d.w, d.c}; }
Shape y_shape(const Conv2dDims& d) { return {d.n, d.oh(), d.ow(), d.o}; }
Shape w_shape(const Conv2dDims& d, bool depthwise) {
  return depthwise ? Shape{d.kh, d.kw, d.c} : Shape{d.o, d.kh, d.kw, d.c};
}

Values run(const Case& test, GradMode mode) {
  const auto stream = backend_for({}).make_stream();
  const Conv2dDims& d = test.d;
  const bool forward = test.kernel == Kernel::forward;
  const Tensor a = float_tensor(*stream, forward ? x_shape(d) : y_shape(d), test.a);
  const Shape b_shape = test.kernel == Kernel::backward_weight ? x_shape(d) : w_shape(d, test.depthwise);
  const Tensor b = test.b_bits ? bit_tensor(*stream, b_shape, test.b) : float_tensor(*stream, b_shape, test.b);
  const Shape out_shape = forward                                 ? y_shape(d)
                          : test.kernel == Kernel::backward_input ? x_shape(d)
                                                                  : w_shape(d, test.depthwise);
  Tensor out = mode == GradMode::accumulate ? float_tensor(*stream, out_shape, test.start)
                                            : garbage_tensor(*stream, out_shape, DType::f32);
  const char* behind = static_cast<const char*>(out.raw()) + out.bytes();
  const std::string before(behind, 64);
  switch (test.kernel) {
    case Kernel::forward:
      test.depthwise ? dispatch<kernels::DepthwiseConv2d>(*stream, a, b, d, out)
                     : dispatch<kernels::Conv2d>(*stream, a, b, d, out);
      break;
    case Kernel::backward_input:
      test.depthwise ? dispatch<kernels::DepthwiseConv2dBackwardInput>(*stream, a, b, d, out, mode)
                     : dispatch<kernels::Conv2dBackwardInput>(*stream, a, b, d, out, mode);
      break;
    case Kernel::backward_weight:
      test.depthwise ? dispatch<kernels::DepthwiseConv2dBackwardWeight>(*stream, a, b, d, out, mode)
                     : dispatch<kernels::Conv2dBackwardWeight>(*stream, a, b, d, out, mode);
      break;
  }
  EXPECT_EQ(before, std::string(behind, 64)) << "written behind the output";
  return values_of(out);
}

Values oracle(const Case& test) {
  switch (test.kernel) {
    case Kernel::forward:
      return conv_oracle(test.a, test.b, test.d, test.depthwise);
    case Kernel::backward_input:
      return input_gradient_oracle(test.a, test.b, test.d, test.depthwise);
    case Kernel::backward_weight:
      break;
  }
  return weight_gradient_oracle(test.a, test.b, test.d, test.depthwise);
}

/// A case with operands of multiples of 1/8 (`exact`) or of any floats.
Case make_case(ConvShapes& shapes, Kernel kernel, bool depthwise, bool exact) {
  Case test{kernel, depthwise, shapes.next(), shapes.pick({0, 1}) != 0, {}, {}, {}};
  const Conv2dDims& d = test.d;
  const auto numbers = [&](std::size_t count) { return exact ? shapes.eighths(count) : shapes.floats(count); };
  const bool forward = kernel == Kernel::forward;
  test.b_bits = test.b_bits && !forward;
  test.a = numbers(forward ? x_size(d) : y_size(d));
  const std::size_t b_size = kernel == Kernel::backward_weight ? x_size(d) : w_size(d, depthwise);
  test.b = test.b_bits ? shapes.signs(b_size) : numbers(b_size);
  const std::size_t out = forward ? y_size(d) : kernel == Kernel::backward_input ? x_size(d) : w_size(d, depthwise);
  test.start = numbers(out);
  return test;
}

class FloatConvKernel : public testing::TestWithParam<std::tuple<Kernel, bool>> {};

TEST_P(FloatConvKernel, EqualsTheDefinitionExactlyWhereSumsAreExact) {
  const auto [kernel, depthwise] = GetParam();
  ConvShapes shapes(3, depthwise);
  for (int i = 0; i < 150 && !HasFatalFailure(); ++i) {
    const Case test = make_case(shapes, kernel, depthwise, true);
    const Values expected = oracle(test);
    Values sum = expected;
    for (std::size_t j = 0; j < sum.size(); ++j) {
      sum[j] += test.start[j];
    }
    on_every_isa([&](cpu::Isa isa) {
      ASSERT_EQ(run(test, GradMode::overwrite), expected) << text(test.d) << " on " << cpu::isa_name(isa);
      if (kernel != Kernel::forward) {
        ASSERT_EQ(run(test, GradMode::accumulate), sum) << text(test.d) << " on " << cpu::isa_name(isa);
      }
    });
  }
}

TEST_P(FloatConvKernel, IsTheSameBitsOnEveryInstructionSet) {
  const auto [kernel, depthwise] = GetParam();
  ConvShapes shapes(4, depthwise);
  for (int i = 0; i < 60 && !HasFatalFailure(); ++i) {
    const Case test = make_case(shapes, kernel, depthwise, false);
    const Values expected = oracle(test);
    Values first;
    on_every_isa([&](cpu::Isa isa) {
      const Values got = run(test, GradMode::overwrite);
      if (first.empty()) {
        first = got;
        for (std::size_t j = 0; j < got.size(); ++j) {
          // A chain of n roundings errs by at most n ulps of the sum of magnitudes; n <= 17 * 196 here, |terms| <= 1.
          ASSERT_NEAR(got[j], expected[j], 1e-3) << text(test.d);
        }
      }
      ASSERT_EQ(got, first) << text(test.d) << " on " << cpu::isa_name(isa);
    });
  }
}

INSTANTIATE_TEST_SUITE_P(All, FloatConvKernel,
                         testing::Combine(testing::Values(Kernel::forward, Kernel::backward_input,
                                                          Kernel::backward_weight),
                                          testing::Bool()));

/// Sums must depend neither on the batch they stand in (forward, input gradient) nor on how it is cut into groups:
/// a batch of 70 large images is several groups of every kernel.
TEST(FloatConvKernelOrder, WeightGradientIsOneChainOverTheBatch) {
  ConvShapes shapes(5, false);
  for (const int c : {1, 16}) {  // lanes over filters, lanes over channels
    Case test{Kernel::backward_weight, false, {}, false, {}, {}, {}};
    test.d = {.n = 70, .h = 20, .w = 20, .c = c, .o = 17, .stride_h = 3, .stride_w = 3, .pad_h = {}, .pad_w = {}};
    test.a = shapes.floats(y_size(test.d));
    test.b = shapes.floats(x_size(test.d));
    std::vector<float> expected(w_size(test.d, false));
    for_each_product(test.d, false, [&](std::size_t yi, long xi, std::size_t wi) {
      expected[wi] = std::fma(static_cast<float>(test.a[yi]), static_cast<float>(test.b[static_cast<std::size_t>(xi)]),
                              expected[wi]);
    });
    EXPECT_EQ(run(test, GradMode::overwrite), Values(expected.begin(), expected.end())) << c;
  }
}

TEST(GemmKernel, IsTheChainOfFusedMultiplyAddsOverK) {
  ConvShapes shapes(6, false);
  const auto stream = backend_for({}).make_stream();
  for (int i = 0; i < 120 && !HasFatalFailure(); ++i) {
    const int m = shapes.pick({1, 2, 3, 5, 7, 8, 9, 17, 32});
    const int n = shapes.pick({1, 2, 10, 15, 16, 17, 31, 32, 33, 48, 49, 100});
    const int k = shapes.pick({0, 1, 2, 31, 64, 100});
    const bool ta = shapes.pick({0, 1}) != 0;
    const bool tb = shapes.pick({0, 1}) != 0;
    const Values a = shapes.floats(static_cast<std::size_t>(m * k));
    const Values b = shapes.floats(static_cast<std::size_t>(k * n));
    const Values start = shapes.floats(static_cast<std::size_t>(m * n));
    const Tensor at = float_tensor(*stream, ta ? Shape{k, m} : Shape{m, k}, a);
    const Tensor bt = float_tensor(*stream, tb ? Shape{n, k} : Shape{k, n}, b);
    for (const GradMode mode : {GradMode::overwrite, GradMode::accumulate}) {
      Values expected(start.size());
      for (int r = 0; r < m; ++r) {
        for (int c = 0; c < n; ++c) {
          const auto at_c = static_cast<std::size_t>(r * n + c);
          float sum = mode == GradMode::accumulate ? static_cast<float>(start[at_c]) : 0.0F;
          for (int j = 0; j < k; ++j) {
            sum = std::fma(static_cast<float>(a[static_cast<std::size_t>(ta ? j * m + r : r * k + j)]),
                           static_cast<float>(b[static_cast<std::size_t>(tb ? c * k + j : j * n + c)]), sum);
          }
          expected[at_c] = sum;
        }
      }
      on_every_isa([&](cpu::Isa isa) {
        Tensor out = mode == GradMode::accumulate ? float_tensor(*stream, Shape{m, n}, start)
                                                  : garbage_tensor(*stream, Shape{m, n}, DType::f32);
        dispatch<kernels::Gemm>(*stream, at, ta, bt, tb, out, mode);
        ASSERT_EQ(values_of(out), expected) << m << "x" << k << "x" << n << " on " << cpu::isa_name(isa);
      });
    }
  }
}

}  // namespace
}  // namespace bnas
