// SPDX-License-Identifier: Apache-2.0
// The packed convolution equals the definition exactly: every variant, every border, every width of a word's tail.
#include "bnas/cuda/binary_conv2d.hpp"

#include <gtest/gtest.h>

#include <array>
#include <sstream>

#include "cuda/support/bits.hpp"
#include "cuda/support/device_buffer.hpp"
#include "cuda/support/scratch_memory.hpp"
#include "support/conv_oracle.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("BinaryConv2d", "definition in double, integers equal");

using testing_support::conv_oracle;
using testing_support::ConvShapes;
using testing_support::Values;
using testing_support::w_size;
using testing_support::x_size;
using testing_support::y_size;

std::string text(const Conv2dDims& d) {
  std::ostringstream out;
  out << d.n << "x" << d.h << "x" << d.w << "x" << d.c << " -> " << d.o << ", kernel " << d.kh << "x" << d.kw
      << ", stride " << d.stride_h << "," << d.stride_w << ", pad " << d.pad_h.begin << "," << d.pad_h.end << ";"
      << d.pad_w.begin << "," << d.pad_w.end << (d.pad_value == PadValue::one ? " of ones" : "");
  return out.str();
}

int device_capability() {
  cudaDeviceProp properties;
  require_cuda(cudaGetDeviceProperties(&properties, 0), "properties");
  return properties.major * 10 + properties.minor;
}

std::vector<BinaryConvVariant> variants() {
  if (device_capability() >= 100) {
    return {BinaryConvVariant::popcount, BinaryConvVariant::tensor_s8};
  }
  return {BinaryConvVariant::popcount, BinaryConvVariant::tensor_b1, BinaryConvVariant::tensor_s8};
}

template <class T>
Values widened(const DeviceBuffer<unsigned char>& y) {
  const std::vector<unsigned char> bytes = y.download();
  std::vector<T> values(bytes.size() / sizeof(T));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return Values(values.begin(), values.end());
}

Values values_of(const Conv2dDims& d, const DeviceBuffer<unsigned char>& y) {
  const int bytes = dot_bytes(d.k());
  return bytes == 1 ? widened<std::int8_t>(y) : bytes == 2 ? widened<std::int16_t>(y) : widened<std::int32_t>(y);
}

/// Sums and sums of squares per filter, from the definition.
std::vector<std::int64_t> sums_of(const Conv2dDims& d, const Values& y) {
  const auto o = static_cast<std::size_t>(d.o);
  std::vector<std::int64_t> sums(2 * o);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const auto value = static_cast<std::int64_t>(y[i]);
    sums[i % o] += value;
    sums[o + i % o] += value * value;
  }
  return sums;
}

class BinaryConv2d : public testing::Test {
 protected:
  /// Uploads, runs each plan, compares outputs and sums with the definition.
  void expect_equal(const Conv2dDims& d, const Values& x, const Values& w, const std::vector<BinaryConvPlan>& plans) {
    const Values expected = conv_oracle(x, w, d);
    const std::vector<std::int64_t> expected_sums = sums_of(d, expected);
    const auto bits = DeviceBuffer<Word>::input(pack(x, d.c));
    const auto filters = DeviceBuffer<Word>::input(pack(w, d.c));
    auto y = DeviceBuffer<unsigned char>::output(y_size(d) * static_cast<std::size_t>(dot_bytes(d.k())));
    auto sums = DeviceBuffer<std::int64_t>::output(expected_sums.size());
    for (const BinaryConvPlan& plan : plans) {
      ASSERT_TRUE(plan.status.ok()) << plan.status.message << ": " << text(d);
      y.reset();
      sums.upload(std::vector<std::int64_t>(expected_sums.size()));
      require_ok(binary_conv2d(plan, bits.data(), filters.data(), y.data(), sums.data(), stream_.get()));
      stream_.synchronize();
      ASSERT_EQ(values_of(d, y), expected) << text(d) << ", " << binary_conv2d_info(plan).variant;
      ASSERT_EQ(sums.download(), expected_sums) << text(d) << ", " << binary_conv2d_info(plan).variant;
    }
  }

  void expect_equal(const Conv2dDims& d, const Values& x, const Values& w) {
    std::vector<BinaryConvPlan> plans;
    for (const BinaryConvVariant variant : variants_) {
      plans.push_back(plan_binary_conv2d(d, capability_, variant));
    }
    expect_equal(d, x, w, plans);
  }

  TestStream stream_;
  int capability_ = device_capability();
  std::vector<BinaryConvVariant> variants_ = variants();
};

/// 3x3, stride 1, padding 1.
Conv2dDims same_3x3(int n, int h, int w, int c, int o) {
  return {.n = n, .h = h, .w = w, .c = c, .o = o, .kh = 3, .kw = 3, .pad_h = {1, 1}, .pad_w = {1, 1}};
}

TEST_F(BinaryConv2d, EqualsTheDefinitionOnRandomShapes) {
  ConvShapes shapes(11, false);
  for (std::size_t i = 0; i < 10'000 && !HasFatalFailure(); ++i) {
    const Conv2dDims d = shapes.next();
    const BinaryConvVariant variant = variants_[i % variants_.size()];
    expect_equal(d, shapes.signs(x_size(d)), shapes.signs(w_size(d, false)),
                 {plan_binary_conv2d(d, capability_, variant)});
  }
}

// Around halves of words, words and fragments of 256 bits; filters that fill neither 4, 8 nor 32.
TEST_F(BinaryConv2d, EveryTailOfAWord) {
  ConvShapes shapes(12, false);
  for (const int c : {1, 3, 15, 16, 17, 24, 31, 32, 33, 48, 63, 64, 65, 96, 128, 130, 255, 256, 257}) {
    for (const int o : {1, 5, 10, 33}) {
      const Conv2dDims d = same_3x3(2, 4, 5, c, o);
      expect_equal(d, shapes.signs(x_size(d)), shapes.signs(w_size(d, false)));
    }
  }
}

// Every class of border: windows cut on one side, on both, larger than the image, wholly outside; lines; strides that
// differ; padding that is lopsided, negative, or of ones.
TEST_F(BinaryConv2d, EveryBorder) {
  ConvShapes shapes(13, false);
  const std::pair<int, int> kernels[] = {{1, 1}, {3, 3}, {5, 5}, {7, 7}, {1, 7}, {7, 1}, {2, 4}};
  const std::pair<AxisPad, AxisPad> pads[] = {{{3, 3}, {3, 3}}, {{0, 6}, {6, 0}}, {{7, 7}, {8, 6}}, {{-1, 7}, {7, -2}}};
  for (const auto& [h, w] : {std::pair{1, 1}, {1, 9}, {9, 1}, {4, 4}, {7, 8}}) {
    for (const auto& [kh, kw] : kernels) {
      for (const auto& [pad_h, pad_w] : pads) {
        for (const PadValue value : {PadValue::zero, PadValue::one}) {
          const int stride = shapes.pick({1, 2, 3});
          const Conv2dDims d{.n = 2,
                             .h = h,
                             .w = w,
                             .c = 33,
                             .o = 6,
                             .kh = kh,
                             .kw = kw,
                             .stride_h = stride,
                             .stride_w = 3 - stride / 2,
                             .pad_h = pad_h,
                             .pad_w = pad_w,
                             .pad_value = value};
          if (h + pad_h.begin + pad_h.end >= kh && w + pad_w.begin + pad_w.end >= kw) {
            expect_equal(d, shapes.signs(x_size(d)), shapes.signs(w_size(d, false)));
          }
        }
      }
    }
  }
}

// Several tiles of images, rows, columns and filters with smaller ones at the edge; channels in several chunks.
TEST_F(BinaryConv2d, EveryKindOfTile) {
  ConvShapes shapes(14, false);
  const Conv2dDims wide{.n = 2, .h = 2, .w = 301, .c = 2, .o = 3, .kh = 1, .kw = 3, .pad_h = {}, .pad_w = {1, 1}};
  const Conv2dDims dense{.n = 37, .c = 4'100, .o = 34, .pad_h = {}, .pad_w = {}};
  const Conv2dDims deep = same_3x3(1, 3, 3, 1'100, 3);
  for (const Conv2dDims& d : {same_3x3(3, 17, 18, 16, 33), same_3x3(9, 7, 7, 64, 65), wide, dense, deep}) {
    expect_equal(d, shapes.signs(x_size(d)), shapes.signs(w_size(d, false)));
  }
}

TEST_F(BinaryConv2d, EveryPolicyGivesTheSameIntegers) {
  ConvShapes shapes(15, false);
  const Conv2dDims d = same_3x3(3, 6, 7, 200, 70);
  const Values x = shapes.signs(x_size(d));
  const Values w = shapes.signs(w_size(d, false));
  std::vector<BinaryConvPlan> plans;
  for (const BinaryConvVariant variant : variants_) {
    for (const int pixels : {1, 17, 512}) {
      for (const int threads : {32, 96}) {
        const BinaryConvPolicy policy{
            .pixels = pixels, .filters = 96, .threads = threads, .shared_bytes = 24 * 1024, .blocks = pixels};
        plans.push_back(plan_binary_conv2d(d, capability_, variant, policy));
        EXPECT_LE(plans.back().shared_bytes, policy.shared_bytes);
        EXPECT_LE(binary_conv2d_info(plans.back()).tile_pixels, pixels);
      }
    }
  }
  expect_equal(d, x, w, plans);
}

// Policies at random, among them so little shared memory that tiles have 8, 16 or 24 filters and channels come in
// chunks; dots of 1, 2 and 4 bytes.
TEST_F(BinaryConv2d, EqualsTheDefinitionUnderRandomPolicies) {
  ConvShapes shapes(18, false);
  std::array<int, 4> narrow{};  // tiles of 8, 16 and 24 filters
  for (int i = 0; i < 300 && !HasFatalFailure(); ++i) {
    const int side = shapes.pick({1, 3, 5, 12});
    const int size = side + shapes.pick({0, 1, 4});
    const Conv2dDims d{.n = shapes.pick({1, 2, 5}),
                       .h = size,
                       .w = size,
                       .c = side == 12 ? shapes.pick({8, 60, 230}) : shapes.pick({3, 32, 100, 300}),
                       .o = shapes.pick({3, 8, 17, 30, 40, 100}),
                       .kh = side,
                       .kw = side,
                       .stride_h = shapes.pick({1, 2}),
                       .pad_h = {side / 2, side / 2},
                       .pad_w = {side / 2, side / 3}};
    const BinaryConvVariant variant = variants_[static_cast<std::size_t>(i) % variants_.size()];
    const BinaryConvPolicy policy{.pixels = shapes.pick({1, 20, 100}),
                                  .filters = shapes.pick({32, 64, 96, 128}),
                                  .threads = shapes.pick({32, 96, 256}),
                                  .shared_bytes = shapes.pick({6, 10, 14, 20, 40}) * 1024,
                                  .blocks = shapes.pick({1, 100})};
    const BinaryConvPlan plan = plan_binary_conv2d(d, capability_, variant, policy);
    if (plan.status.code == StatusCode::unsupported) {
      continue;  // not even one pixel fits
    }
    ASSERT_LE(plan.shared_bytes, policy.shared_bytes);
    narrow[static_cast<std::size_t>(plan.tile.filters / 8) % narrow.size()] += plan.tile.filters < 32 ? 1 : 0;
    expect_equal(d, shapes.signs(x_size(d)), shapes.signs(w_size(d, false)), {plan});
  }
  EXPECT_GT(narrow[1], 0) << "of 8 filters";
  EXPECT_GT(narrow[2], 0) << "of 16";
  EXPECT_GT(narrow[3], 0) << "of 24";
}

// All products +1 or all -1: the widest i8 (127), the first i16 and the widest, the first i32 (9 * 3641).
TEST_F(BinaryConv2d, ExtremeValuesDoNotOverflow) {
  for (const auto& [c, k] :
       {std::pair{127, 1}, {128, 1}, {14, 3}, {15, 3}, {3640, 3}, {3641, 3}, {32767, 1}, {32768, 1}}) {
    const Conv2dDims d{.n = 2, .h = k, .w = k, .c = c, .o = 2, .kh = k, .kw = k, .pad_h = {}, .pad_w = {}};
    for (const double sign : {1.0, -1.0}) {
      expect_equal(d, Values(x_size(d), -1.0), Values(w_size(d, false), sign));
      expect_equal(d, Values(x_size(d), 1.0), Values(w_size(d, false), sign));
    }
  }
}

TEST_F(BinaryConv2d, SumsAddUpAndMayBeLeftOut) {
  ConvShapes shapes(16, false);
  const Conv2dDims d = same_3x3(4, 5, 5, 40, 35);
  const Values x = shapes.signs(x_size(d));
  const Values w = shapes.signs(w_size(d, false));
  const Values expected = conv_oracle(x, w, d);
  const auto bits = DeviceBuffer<Word>::input(pack(x, d.c));
  const auto filters = DeviceBuffer<Word>::input(pack(w, d.c));
  auto y = DeviceBuffer<unsigned char>::output(y_size(d) * 2);
  auto sums = DeviceBuffer<std::int64_t>::output(70);
  sums.upload(std::vector<std::int64_t>(70, 5));
  const BinaryConvPlan plan = plan_binary_conv2d(d, capability_);
  require_ok(binary_conv2d(plan, bits.data(), filters.data(), y.data(), nullptr, stream_.get()));
  stream_.synchronize();
  EXPECT_EQ(sums.download(), std::vector<std::int64_t>(70, 5));
  y.reset();
  capture_and_replay(stream_, 2, [&](cudaStream_t stream) {
    return binary_conv2d(plan, bits.data(), filters.data(), y.data(), sums.data(), stream);
  });
  EXPECT_EQ(values_of(d, y), expected);
  std::vector<std::int64_t> twice = sums_of(d, expected);
  for (std::int64_t& sum : twice) {
    sum = 5 + 2 * sum;
  }
  EXPECT_EQ(sums.download(), twice);
}

// Tiles of filters that end within a warp, in and beyond a second one; more filters than accumulators serve. Sums start
// as garbage, and a replay finds the accumulators zero again.
TEST_F(BinaryConv2d, SumsMayBeOverwrittenInOneLaunch) {
  ConvShapes shapes(17, false);
  const ScratchMemory scratch(0);
  const Conv2dDims dense{.n = 5, .c = 40, .o = kAccumulators / 2 + 1, .pad_h = {}, .pad_w = {}};
  for (const Conv2dDims& d : {same_3x3(4, 5, 5, 40, 35), same_3x3(1, 1, 1, 3, 1), same_3x3(9, 7, 7, 64, 96), dense}) {
    const Values x = shapes.signs(x_size(d)), w = shapes.signs(w_size(d, false));
    const Values expected = conv_oracle(x, w, d);
    const auto bits = DeviceBuffer<Word>::input(pack(x, d.c)), filters = DeviceBuffer<Word>::input(pack(w, d.c));
    for (const BinaryConvVariant variant : variants_) {
      const auto y = DeviceBuffer<unsigned char>::output(y_size(d) * static_cast<std::size_t>(dot_bytes(d.k())));
      const auto sums = DeviceBuffer<std::int64_t>::output(2 * static_cast<std::size_t>(d.o));
      const BinaryConvPlan plan = plan_binary_conv2d(d, capability_, variant, {.pixels = 16});
      capture_and_replay(stream_, 2, [&](cudaStream_t stream) {
        return binary_conv2d(plan, bits.data(), filters.data(), y.data(), sums.data(), scratch.get(), stream);
      });
      EXPECT_EQ(values_of(d, y), expected);
      EXPECT_EQ(sums.download(), sums_of(d, expected)) << text(d);
      EXPECT_TRUE(scratch.is_as_promised());
    }
  }
}

TEST(BinaryConv2dPlan, ChoosesByChannelsAndCapability) {
  const auto chosen = [](int c, int capability) { return plan_binary_conv2d(same_3x3(8, 14, 14, c, 32), capability); };
  for (const int capability : {75, 80, 90, 100, 120}) {
    EXPECT_EQ(chosen(31, capability).variant, BinaryConvVariant::popcount);
    EXPECT_EQ(chosen(32, capability).variant,
              capability < 100 ? BinaryConvVariant::tensor_b1 : BinaryConvVariant::tensor_s8);
  }
  EXPECT_STREQ(binary_conv2d_info(chosen(64, 75)).variant, "tensor_b1: mma m8n8k128 xor.popc");
  EXPECT_STREQ(binary_conv2d_info(chosen(64, 90)).variant, "tensor_b1: mma m16n8k256 and.popc");
  EXPECT_STREQ(binary_conv2d_info(chosen(64, 120)).variant, "tensor_s8: mma m16n8k32 s8");
  Conv2dDims large = same_3x3(1, 60, 60, 64, 32);
  large.kh = large.kw = 21;
  EXPECT_EQ(plan_binary_conv2d(large, 120).variant, BinaryConvVariant::tensor_s8);
  large.kh = large.kw = 40;  // beyond shared memory
  EXPECT_EQ(plan_binary_conv2d(large, 120).status.code, StatusCode::unsupported);
}

TEST(BinaryConv2dPlan, RefusesWhatNoKernelTakes) {
  const Conv2dDims good = same_3x3(1, 4, 4, 8, 8);
  Conv2dDims empty = good, small = good, long_kernel = good;
  empty.c = 0;
  small.pad_h = {-2, 0};
  long_kernel.kw = 256;
  long_kernel.w = 300;
  EXPECT_EQ(plan_binary_conv2d(empty, 80).status.code, StatusCode::invalid_argument);
  EXPECT_EQ(plan_binary_conv2d(small, 80).status.code, StatusCode::invalid_argument);
  EXPECT_EQ(plan_binary_conv2d(long_kernel, 80).status.code, StatusCode::unsupported);
  EXPECT_EQ(plan_binary_conv2d(good, 100, BinaryConvVariant::tensor_b1).status.code, StatusCode::unsupported);
  EXPECT_EQ(plan_binary_conv2d(good, 80, BinaryConvVariant::popcount, {.threads = 100}).status.code,
            StatusCode::invalid_argument);
  EXPECT_EQ(binary_conv2d(plan_binary_conv2d(empty, 80), nullptr, nullptr, nullptr, nullptr, nullptr).code,
            StatusCode::invalid_argument);
  EXPECT_EQ(binary_conv2d(plan_binary_conv2d(good, 80), nullptr, nullptr, nullptr, nullptr, nullptr).code,
            StatusCode::invalid_argument);
  const auto* bits = reinterpret_cast<const Word*>(256);  // nothing is launched
  std::int64_t sums = 0;
  EXPECT_EQ(binary_conv2d(plan_binary_conv2d(good, 80), bits, bits, &sums, &sums, Scratch{}, nullptr).code,
            StatusCode::invalid_argument);
}

}  // namespace
}  // namespace bnas::cuda::test
