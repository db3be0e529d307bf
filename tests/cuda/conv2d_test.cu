// SPDX-License-Identifier: Apache-2.0
// Float convolutions and the gradients of all convolutions against their definition: every kernel, operand and layout.
#include "bnas/cuda/conv2d.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "bnas/cuda/handles.hpp"
#include "cuda/support/conv2d_run.hpp"
#include "gpu_emulator/runtime/emulator.h"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("Conv2d", "definition in double");

constexpr auto kForward = Conv2dPass::forward;
constexpr auto kInput = Conv2dPass::backward_input;
constexpr auto kWeight = Conv2dPass::backward_weight;
constexpr auto kDirect = Conv2dMethod::direct;
constexpr auto kTensor = Conv2dMethod::tensor_cores;

const Conv2dKind kKinds[] = {
    {"forward", kForward, false, false, kDirect},
    {"forward_bits", kForward, false, true, kDirect},
    {"forward_depthwise", kForward, true, false, kDirect},
    {"forward_depthwise_bits", kForward, true, true, kDirect},
    {"input_floats", kInput, false, false, kDirect},
    {"input_bits", kInput, false, true, kDirect},
    {"input_bits_tensor_cores", kInput, false, true, kTensor},
    {"input_bits_tensor_cores_bf16", kInput, false, true, kTensor, Precision::bf16},
    {"input_depthwise_floats", kInput, true, false, kDirect},
    {"input_depthwise_bits", kInput, true, true, kDirect},
    {"weight_floats", kWeight, false, false, kDirect},
    {"weight_bits", kWeight, false, true, kDirect},
    {"weight_bits_tensor_cores", kWeight, false, true, kTensor},
    {"weight_bits_tensor_cores_bf16", kWeight, false, true, kTensor, Precision::bf16},
    {"weight_depthwise_floats", kWeight, true, false, kDirect},
    {"weight_depthwise_bits", kWeight, true, true, kDirect},
};

/// Sums over pixels are cut as finely as the shape allows: the shapes of tests are too small for the usual policy.
constexpr Conv2dPolicy kManySlices{.target_blocks = 300, .least_slice_pixels = 1};

Conv2dOptions options_for(const Conv2dKind& kind, bool many_slices) {
  Conv2dOptions options;
  options.compute_capability = device_capability();
  options.precision = kind.precision;
  options.method = kind.method;
  if (many_slices) {
    options.policy = kManySlices;
  }
  return options;
}

class Conv2d : public testing::TestWithParam<Conv2dKind> {
 protected:
  void SetUp() override {
    if (kind().method == kTensor && device_capability() < 80) {
      Conv2dPlan plan;
      EXPECT_EQ(plan_conv2d({kind().pass, {}, kind().bits}, options_for(kind(), false), &plan).code,
                StatusCode::unsupported);
      GTEST_SKIP() << "no bf16 tensor cores before sm_80";
    }
  }

  const Conv2dKind& kind() const { return GetParam(); }

  Conv2dPlan plan(const Conv2dDims& d, bool many_slices = false) const {
    Conv2dPlan made;
    require_ok(plan_conv2d({kind().pass, d, kind().bits, kind().depthwise}, options_for(kind(), many_slices), &made));
    EXPECT_EQ(made.method, kind().method);
    return made;
  }

  std::vector<float> run(const Conv2dCase& c, const Conv2dPlan& made) const {
    const Conv2dRun call(c, made);
    require_ok(call.launch(stream_.get()));
    stream_.synchronize();
    return call.result();
  }

  Values magnitudes(Conv2dCase c) const {
    for (Values* values : {&c.a, &c.b, &c.start}) {
      for (double& value : *values) {
        value = std::fabs(value);
      }
    }
    return oracle(c);
  }

  TestStream stream_;
};

// Multiples of 1/8: five bits fit into bf16, products and sums into f32, so that every kernel must be exact.
TEST_P(Conv2d, EqualsTheDefinitionWhereSumsAreExact) {
  ConvShapes shapes(11, kind().depthwise);
  const auto eighths = [&](std::size_t n) { return shapes.eighths(n); };
  int sliced = 0;
  for (int i = 0; i < 60 && !HasFailure(); ++i) {
    Conv2dCase c = make_case(kind(), shapes.next(), shapes, eighths);
    if (kind().pass != kForward && i % 3 == 0) {
      c.start = eighths(output_size(kind(), c.dims));
    }
    const Conv2dPlan made = plan(c.dims, i % 2 == 0);
    sliced += made.slices > 1 ? 1 : 0;
    ASSERT_EQ(run(c, made), to_floats(oracle(c))) << text(c.dims) << ", " << made.slices << " slices";
  }
  EXPECT_EQ(sliced > 0, kind().pass == kWeight);
}

// Any floats. A sum of n roundings strays by about sqrt(n) units of its size, n < 20,000; 16 units of the sum of
// magnitudes hold that. bf16 rounds dy to 8 bits: half a unit of the last.
TEST_P(Conv2d, IsCloseOnAnyFloats) {
  ConvShapes shapes(12, kind().depthwise);
  const double unit = 0x1.0p-24;
  const double error = 16 * unit + (kind().precision == Precision::bf16 ? 0x1.0p-8 : 0.0);
  for (int i = 0; i < 20 && !HasFailure(); ++i) {
    const Conv2dCase c = make_case(kind(), shapes.next(), shapes, [&](std::size_t n) { return shapes.floats(n); });
    const std::vector<float> got = run(c, plan(c.dims, i % 2 == 0));
    const Values expected = oracle(c), sizes = magnitudes(c);
    for (std::size_t j = 0; j < got.size(); ++j) {
      ASSERT_LE(std::fabs(static_cast<double>(got[j]) - expected[j]), error * sizes[j]) << text(c.dims) << " at " << j;
    }
  }
}

/// The nearest number of 8 significant bits, ties to even.
float to_bf16(float value) {
  int exponent = 0;
  const float fraction = std::frexp(value, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
}

// With one product per sum nothing is rounded: all 24 bits of a must arrive, whatever terms it was cut into.
TEST_P(Conv2d, EveryBitOfAFloatArrives) {
  ConvShapes shapes(13, kind().depthwise);
  const Conv2dDims d = dims_of(1, 4, 4, 40, 40);
  Conv2dCase c = make_case(kind(), d, shapes, [](std::size_t n) { return Values(n, 1.0); });
  Values numbers = shapes.floats(c.a.size());
  // 2^-100 is the least exact size, 0x1.fefffep127 the largest number that no term rounds to infinity.
  const float special[] = {16777215.0F, -0x1.000002p-3F, 0x1.fefffep127F, 0x1.234566p-100F, -0x1.010102p0F};
  std::copy(std::begin(special), std::end(special), numbers.begin());
  // Sums over channels or filters see one of them per pixel; the others see all 40 of one pixel.
  const std::size_t row = 40, pixels = c.a.size() / row;
  const bool over_row = kind().pass != kWeight && !kind().depthwise;
  c.a.assign(c.a.size(), 0.0);
  Conv2dCase rounded = c;  // what a bf16 term makes of the numbers
  for (std::size_t i = 0; i < (over_row ? pixels : row); ++i) {
    const std::size_t at = over_row ? i * row + i * 7 % row : 5 * row + i;
    c.a[at] = numbers[i];
    rounded.a[at] = static_cast<double>(to_bf16(static_cast<float>(numbers[i])));
  }
  EXPECT_EQ(run(c, plan(d)), to_floats(oracle(kind().precision == Precision::bf16 ? rounded : c)));
}

// Two replays add the gradient twice: tickets are zero again after each.
TEST_P(Conv2d, RunsInAGraph) {
  ConvShapes shapes(14, kind().depthwise);
  const auto eighths = [&](std::size_t n) { return shapes.eighths(n); };
  Conv2dDims d = dims_of(3, 7, 7, 33, 17, 3, 3);
  d.pad_h = d.pad_w = {1, 1};
  d.o = kind().depthwise ? d.c : d.o;
  Conv2dCase c = make_case(kind(), d, shapes, eighths);
  Values expected = oracle(c);
  if (kind().pass != kForward) {
    c.start = eighths(expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      expected[i] = c.start[i] + 2.0 * expected[i];
    }
  }
  const Conv2dPlan made = plan(d, true);
  EXPECT_EQ(made.slices > 1, kind().pass == kWeight);
  const Conv2dRun call(c, made);
  capture_and_replay(stream_, 2, [&](cudaStream_t s) { return call.launch(s); });
  EXPECT_EQ(call.result(), to_floats(expected));
}

TEST_P(Conv2d, TheOrderOfBlocksDoesNotShow) {
  ConvShapes shapes(15, kind().depthwise);
  Conv2dDims d = dims_of(4, 9, 9, 40, 40, 3, 3);
  d.stride_h = 2;
  d.pad_w = {1, 1};
  const Conv2dCase c = make_case(kind(), d, shapes, [&](std::size_t n) { return shapes.floats(n); });
  const Conv2dPlan made = plan(d, true);
  const std::vector<float> first = run(c, made);
  for (const char* seed : {"1", "2", "3", "4"}) {
    if (bnas_emu_present() != 0) {
      ASSERT_EQ(bnas_emu_set("block_seed", seed), 0);
    }
    EXPECT_EQ(run(c, made), first) << seed;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Conv2d, testing::ValuesIn(kKinds), [](const auto& of) { return of.param.name; });

/// The method that the policy of compute capability `cc` takes for 3x3 gradients of a packed layer.
Conv2dMethod chosen(Conv2dPass pass, int c, int o, int cc, bool bits = true, bool depthwise = false) {
  Conv2dPlan plan;
  Conv2dOptions options;
  options.compute_capability = cc;
  require_ok(plan_conv2d({pass, dims_of(2, 8, 8, c, o, 3, 3), bits, depthwise}, options, &plan));
  return plan.method;
}

TEST(Conv2dPlan, ChoosesByDeviceAndShape) {
  EXPECT_EQ(chosen(kInput, 16, 16, 80), kTensor);
  EXPECT_EQ(chosen(kWeight, 16, 16, 120), kTensor);
  EXPECT_EQ(chosen(kInput, 16, 16, 75), kDirect);
  EXPECT_EQ(chosen(kInput, 7, 16, 80), kDirect);
  EXPECT_EQ(chosen(kWeight, 16, 7, 80), kDirect);
  EXPECT_EQ(chosen(kWeight, 16, 16, 80, false), kDirect);      // floats, no cuDNN handle
  EXPECT_EQ(chosen(kInput, 16, 16, 80, true, true), kDirect);  // depthwise
}

TEST(Conv2dPlan, TellsWhatItLaunches) {
  const auto info = [](Conv2dProblem problem, int cc) {
    Conv2dPlan plan;
    Conv2dOptions options;
    options.compute_capability = cc;
    require_ok(plan_conv2d(problem, options, &plan));
    return conv2d_info(plan);
  };
  const Conv2dDims d = dims_of(4, 8, 8, 40, 24);  // 256 pixels; 40 channels are two words, tiles of 64
  const KernelInfo input = info({kInput, d, true}, 80);
  EXPECT_STREQ(input.variant, "conv2d_backward_input_tensor_kernel");
  EXPECT_EQ(input.blocks, 4);
  EXPECT_EQ(input.tile_filters, 64);
  const KernelInfo weight = info({kWeight, d, true}, 80);
  EXPECT_STREQ(weight.variant, "conv2d_backward_weight_tensor_kernel");
  EXPECT_EQ(weight.blocks, 2);  // one tile of filters, one tap, two words, one slice
  EXPECT_EQ(weight.shared_bytes, 4 * 4096);
  EXPECT_STREQ(info({kInput, d, true}, 75).variant, "conv2d_backward_input_direct_kernel");
  EXPECT_STREQ(info({kWeight, d}, 80).variant, "conv2d_backward_weight_direct_kernel");
  EXPECT_STREQ(info({kForward, d}, 80).variant, "conv2d_direct_kernel");
  EXPECT_EQ(info({kForward, d}, 80).blocks, 2);  // 256 pixels, 16 filters and 8 more
  const Conv2dDims narrow = dims_of(4, 8, 8, 24, 24);
  EXPECT_STREQ(info({kForward, narrow, false, true}, 80).variant, "depthwise_conv2d_kernel");
  EXPECT_STREQ(info({kInput, narrow, true, true}, 80).variant, "depthwise_conv2d_backward_input_kernel");
  EXPECT_STREQ(info({kWeight, narrow, true, true}, 80).variant, "conv2d_backward_weight_direct_kernel");
}

TEST(Conv2dPlan, RefusesWhatNoMethodTakes) {
  const auto code = [](Conv2dProblem problem, Conv2dOptions options = {}) {
    Conv2dPlan plan;
    return plan_conv2d(problem, options, &plan).code;
  };
  Conv2dDims still = dims_of(1, 1, 1, 1, 1);
  still.stride_w = 0;
  EXPECT_EQ(code({.dims = still}), StatusCode::invalid_argument);
  EXPECT_EQ(code({.dims = dims_of(0, 1, 1, 1, 1)}), StatusCode::invalid_argument);
  EXPECT_EQ(code({.dims = dims_of(1, 2, 1, 1, 1, 3)}), StatusCode::invalid_argument);
  EXPECT_EQ(code({.dims = dims_of(1, 3, 1, 1, 1, 3)}), StatusCode::ok);
  EXPECT_EQ(code({.dims = dims_of(1, 1, 1, 2, 3), .depthwise = true}), StatusCode::invalid_argument);
  EXPECT_EQ(code({.dims = dims_of(1 << 15, 1 << 10, 1 << 5, 1, 1)}), StatusCode::unsupported);
  Conv2dOptions forced;
  forced.compute_capability = 80;
  forced.method = kTensor;
  EXPECT_EQ(code({.pass = kInput, .bits = true}, forced), StatusCode::ok);
  EXPECT_EQ(code({.pass = kInput}, forced), StatusCode::unsupported);
  EXPECT_EQ(code({.pass = kForward, .bits = true}, forced), StatusCode::unsupported);
  EXPECT_EQ(code({.pass = kInput, .bits = true, .depthwise = true}, forced), StatusCode::unsupported);
  forced.method = Conv2dMethod::cudnn;
  EXPECT_EQ(code({}, forced), StatusCode::unsupported);  // without a handle
}

// Nothing is launched: the pointers would not be readable.
TEST(Conv2dLaunch, RefusesArgumentsThatDoNotFitThePlan) {
  const auto* x = reinterpret_cast<const float*>(256);
  const auto* bits = reinterpret_cast<const Word*>(256);
  auto* out = reinterpret_cast<float*>(512);
  Conv2dPlan forward, input, weight;
  Conv2dOptions options;
  options.policy = kManySlices;
  const Conv2dDims dims = dims_of(8, 8, 8, 8, 8);
  require_ok(plan_conv2d({kForward, dims}, options, &forward));
  require_ok(plan_conv2d({kInput, dims, true}, options, &input));
  require_ok(plan_conv2d({kWeight, dims, true}, options, &weight));
  ASSERT_GT(weight.slices, 1);
  const TestStream stream;
  const ScratchMemory memory(weight.workspace_bytes);
  const Scratch scratch = memory.get();
  const Scratch none{nullptr, 0, scratch.tickets}, little{scratch.data, scratch.bytes - 1, scratch.tickets};
  const Scratch no_tickets{scratch.data, scratch.bytes, nullptr};
  const auto invalid = StatusCode::invalid_argument, small = StatusCode::workspace_too_small;
  EXPECT_EQ(conv2d(forward, nullptr, x, out, scratch, stream.get()).code, invalid);
  EXPECT_EQ(conv2d(forward, x, x, nullptr, scratch, stream.get()).code, invalid);
  EXPECT_EQ(conv2d(forward, x, bits, out, scratch, stream.get()).code, invalid);  // bits for floats
  EXPECT_EQ(conv2d(input, x, x, out, scratch, stream.get()).code, invalid);       // the plan of another pass
  EXPECT_EQ(conv2d_backward_input(input, x, x, out, false, scratch, stream.get()).code, invalid);  // floats for bits
  EXPECT_EQ(conv2d_backward_weight(input, x, bits, out, false, scratch, stream.get()).code, invalid);
  EXPECT_EQ(conv2d_backward_weight(weight, x, bits, nullptr, false, scratch, stream.get()).code, invalid);
  EXPECT_EQ(conv2d_backward_weight(weight, x, bits, out, false, none, stream.get()).code, small);
  EXPECT_EQ(conv2d_backward_weight(weight, x, bits, out, false, little, stream.get()).code, small);
  EXPECT_EQ(conv2d_backward_weight(weight, x, bits, out, false, no_tickets, stream.get()).code, invalid);
}

}  // namespace
}  // namespace bnas::cuda::test
