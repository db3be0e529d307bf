// SPDX-License-Identifier: Apache-2.0
// Every call of the C interface gives what its C++ twin gives, status and output; what is right is tested there.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <vector>

#include "bnas/cuda/batch_norm.hpp"
#include "bnas/cuda/binary_conv2d.hpp"
#include "bnas/cuda/binary_depthwise_conv2d.hpp"
#include "bnas/cuda/conv2d.hpp"
#include "bnas/cuda/fill.hpp"
#include "bnas/cuda/sign.hpp"
#include "bnas/kernels.h"
#include "cuda/support/bits.hpp"
#include "cuda/support/device_buffer.hpp"

namespace bnas::cuda::test {
namespace {

void expect_same(const bnas_status_t& c, const Status& cpp) {
  EXPECT_EQ(c.code, static_cast<int>(cpp.code));
  EXPECT_EQ(c.detail, cpp.detail);
  EXPECT_STREQ(c.message, cpp.message);
}

/// Runs both interfaces into outputs of `bytes` and compares all of them, garbage and guards included.
void expect_same_output(std::size_t bytes, const std::function<bnas_status_t(void*, cudaStream_t)>& by_c,
                        const std::function<Status(void*, cudaStream_t)>& by_cpp) {
  const TestStream stream;
  const auto c = DeviceBuffer<unsigned char>::output(bytes);
  const auto cpp = DeviceBuffer<unsigned char>::output(bytes);
  const bnas_status_t status = by_c(c.data(), stream.get());
  ASSERT_EQ(status.code, BNAS_OK) << status.message;
  require_ok(by_cpp(cpp.data(), stream.get()));
  stream.synchronize();
  EXPECT_EQ(c.download(), cpp.download());
}

int capability() {
  int major = 0;
  int minor = 0;
  require_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0), "capability");
  require_cuda(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0), "capability");
  return 10 * major + minor;
}

/// Words of a fixed pattern in rows of `channels` bits.
std::vector<Word> bits(std::size_t rows, int channels, int seed) {
  std::vector<int> values(rows * static_cast<std::size_t>(channels));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = (static_cast<int>(i) * 7919 + seed) % 17 < 8 ? -1 : 1;
  }
  return pack(values, channels);
}

// Everything differs, so that no two fields can change places: sides, kernel, strides, the four paddings.
const bnas_conv2d_dims kDims = {2, 7, 9, 40, 5, 3, 4, 2, 1, 1, 2, 0, 3, 0};

Conv2dDims cpp_dims(PadValue pad_value) {
  Conv2dDims d;
  d.n = 2, d.h = 7, d.w = 9, d.c = 40, d.o = 5, d.kh = 3, d.kw = 4, d.stride_h = 2, d.stride_w = 1;
  d.pad_h = {1, 2}, d.pad_w = {0, 3}, d.pad_value = pad_value;
  return d;
}

TEST(CApi, Fill) {
  expect_same_output(
      5 * sizeof(float), [](void* y, cudaStream_t s) { return bnas_fill(static_cast<float*>(y), 5, 2.5F, s); },
      [](void* y, cudaStream_t s) { return fill(static_cast<float*>(y), 5, 2.5F, s); });
  expect_same(bnas_fill(nullptr, 5, 2.5F, nullptr), fill(nullptr, 5, 2.5F, nullptr));
}

/// Numbers around 0, beyond 1 in both directions, a zero, a negative zero.
std::vector<float> reals(std::size_t size) {
  std::vector<float> values(size);
  for (std::size_t i = 0; i < size; ++i) {
    values[i] = static_cast<float>(static_cast<int>(i * 7919 % 29) - 14) / 10.0F;
  }
  values[1] = 0.0F;
  values[2] = -0.0F;
  return values;
}

/// Memory of `bytes` and zero tickets, for one call of either interface.
struct TestScratch {
  explicit TestScratch(std::size_t size)
      : data(DeviceBuffer<unsigned char>::scratch(size)),
        tickets(DeviceBuffer<unsigned>::input(std::vector<unsigned>(kTickets))),
        bytes(size) {}
  bnas_scratch c() const { return {data.data(), bytes, tickets.data()}; }
  Scratch cpp() const { return {data.data(), bytes, tickets.data()}; }

  DeviceBuffer<unsigned char> data;
  DeviceBuffer<unsigned> tickets;
  std::size_t bytes;
};

TEST(CApi, BinaryConv2dBackward) {
  const Conv2dDims d = cpp_dims(PadValue::zero);
  const auto x = DeviceBuffer<Word>::input(bits(2 * 7 * 9, 40, 1));
  const auto w = DeviceBuffer<Word>::input(bits(5 * 3 * 4, 40, 2));
  const auto dy = DeviceBuffer<float>::input(reals(static_cast<std::size_t>(d.n * d.oh() * d.ow() * d.o)));
  for (const int precision : {BNAS_F32, BNAS_BF16}) {
    Conv2dOptions options;
    options.compute_capability = capability();
    options.precision = static_cast<Precision>(precision);
    Conv2dPlan input;
    Conv2dPlan weight;
    require_ok(plan_conv2d({Conv2dPass::backward_input, d, true, false}, options, &input));
    require_ok(plan_conv2d({Conv2dPass::backward_weight, d, true, false}, options, &weight));
    std::size_t input_bytes = 1;
    std::size_t weight_bytes = 1;
    ASSERT_EQ(bnas_binary_conv2d_backward_input_workspace(&kDims, precision, &input_bytes).code, BNAS_OK);
    ASSERT_EQ(bnas_binary_conv2d_backward_weight_workspace(&kDims, precision, &weight_bytes).code, BNAS_OK);
    EXPECT_EQ(input_bytes, input.workspace_bytes);
    EXPECT_EQ(weight_bytes, weight.workspace_bytes);
    const TestScratch memory(std::max(input_bytes, weight_bytes));
    const bnas_scratch scratch = memory.c();
    expect_same_output(
        2 * 7 * 9 * 40 * sizeof(float),
        [&](void* dx, cudaStream_t s) {
          return bnas_binary_conv2d_backward_input(&kDims, precision, dy.data(), w.data(), static_cast<float*>(dx), 0,
                                                   &scratch, s);
        },
        [&](void* dx, cudaStream_t s) {
          return conv2d_backward_input(input, dy.data(), w.data(), static_cast<float*>(dx), false, memory.cpp(), s);
        });
    expect_same_output(
        5 * 3 * 4 * 40 * sizeof(float),
        [&](void* dw, cudaStream_t s) {
          return bnas_binary_conv2d_backward_weight(&kDims, precision, dy.data(), x.data(), static_cast<float*>(dw), 0,
                                                    &scratch, s);
        },
        [&](void* dw, cudaStream_t s) {
          return conv2d_backward_weight(weight, dy.data(), x.data(), static_cast<float*>(dw), false, memory.cpp(), s);
        });
  }
  EXPECT_EQ(bnas_binary_conv2d_backward_input_workspace(&kDims, 2, nullptr).code, BNAS_INVALID_ARGUMENT);
}

TEST(CApi, BatchNorm) {
  std::vector<std::int16_t> counts(6 * 40);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    counts[i] = static_cast<std::int16_t>(i * 7919 % 361 - 180);
  }
  const auto x = DeviceBuffer<std::int16_t>::input(counts);
  const bnas_number_rows rows = {x.data(), BNAS_NUMBER_I16, 6, 40};
  const NormInput numbers{x.data(), NumberType::i16, 6, 40};
  std::size_t bytes = 1;
  ASSERT_EQ(bnas_batch_norm_stats_workspace(&rows, &bytes).code, BNAS_OK);
  EXPECT_EQ(bytes, batch_norm_stats_workspace_bytes(numbers));
  const TestScratch memory(bytes);
  const bnas_scratch scratch = memory.c();
  expect_same_output(  // mean, then variance
      80 * sizeof(float),
      [&](void* y, cudaStream_t s) {
        float* const mean = static_cast<float*>(y);
        return bnas_batch_norm_stats(&rows, mean, mean + 40, &scratch, s);
      },
      [&](void* y, cudaStream_t s) {
        float* const mean = static_cast<float*>(y);
        BatchMoments moments;
        moments.mean = mean;
        moments.variance = mean + 40;
        return batch_norm_stats(numbers, moments, memory.cpp(), s);
      });

  const auto mean = DeviceBuffer<float>::input(reals(40));
  const auto variance = DeviceBuffer<float>::input(std::vector<float>(40, 9.0F));
  const auto gamma = DeviceBuffer<float>::input(reals(40));
  const auto beta = DeviceBuffer<float>::input(std::vector<float>(40, 0.25F));
  const KnownMoments moments{mean.data(), variance.data()};
  const NormScale scale{gamma.data(), beta.data(), 1e-3F};
  expect_same_output(  // bits, then mask
      2 * 6 * 2 * sizeof(Word),
      [&](void* y, cudaStream_t s) {
        Word* const packed = static_cast<Word*>(y);
        return bnas_batch_norm_sign(&rows, mean.data(), variance.data(), gamma.data(), beta.data(), 1e-3F, packed,
                                    packed + 12, s);
      },
      [&](void* y, cudaStream_t s) {
        Word* const packed = static_cast<Word*>(y);
        return batch_norm_sign(numbers, moments, scale, packed, packed + 12, s);
      });
  EXPECT_EQ(bnas_batch_norm_stats_workspace(&rows, nullptr).code, BNAS_INVALID_ARGUMENT);
  const bnas_number_rows no_type = {x.data(), 4, 6, 40};
  EXPECT_EQ(bnas_batch_norm_stats_workspace(&no_type, &bytes).code, BNAS_INVALID_ARGUMENT);
}

TEST(CApi, Pack) {
  const auto x = DeviceBuffer<float>::input(reals(3 * 40));
  const std::size_t bytes = 3 * 2 * sizeof(Word);
  const TestStream stream;
  const auto mask_c = DeviceBuffer<Word>::output(6);
  const auto mask_cpp = DeviceBuffer<Word>::output(6);
  expect_same_output(
      bytes,
      [&](void* y, cudaStream_t s) { return bnas_pack(x.data(), 3, 40, static_cast<Word*>(y), mask_c.data(), s); },
      [&](void* y, cudaStream_t s) { return sign(x.data(), 3, 40, static_cast<Word*>(y), mask_cpp.data(), s); });
  EXPECT_EQ(mask_c.download(), mask_cpp.download());
  expect_same_output(
      bytes, [&](void* y, cudaStream_t s) { return bnas_pack(x.data(), 3, 40, static_cast<Word*>(y), nullptr, s); },
      [&](void* y, cudaStream_t s) { return cuda::pack(x.data(), 3, 40, static_cast<Word*>(y), s); });
}

TEST(CApi, Unpack) {
  const auto packed = DeviceBuffer<Word>::input(bits(3, 40, 1));
  expect_same_output(
      3 * 40 * sizeof(float),
      [&](void* y, cudaStream_t s) { return bnas_unpack(packed.data(), 3, 40, static_cast<float*>(y), s); },
      [&](void* y, cudaStream_t s) { return cuda::unpack(packed.data(), 3, 40, static_cast<float*>(y), s); });
}

TEST(CApi, MaskBackward) {
  const auto dy = DeviceBuffer<float>::input(reals(3 * 40));
  const auto mask = DeviceBuffer<Word>::input(bits(3, 40, 1));
  const std::size_t bytes = 3 * 40 * sizeof(float);
  for (const bool accumulate : {false, true}) {
    expect_same_output(
        bytes,
        [&](void* dx, cudaStream_t s) {
          cudaMemsetAsync(dx, 0, bytes, s);
          return bnas_mask_backward(dy.data(), mask.data(), 3, 40, static_cast<float*>(dx), accumulate ? 1 : 0, s);
        },
        [&](void* dx, cudaStream_t s) {
          cudaMemsetAsync(dx, 0, bytes, s);
          return mask_backward(dy.data(), mask.data(), 3, 40, static_cast<float*>(dx), accumulate, s);
        });
  }
}

TEST(CApi, BinaryDepthwiseConv2d) {
  bnas_conv2d_dims dims = kDims;
  dims.o = dims.c;
  Conv2dDims d = cpp_dims(PadValue::zero);
  d.o = d.c;
  const auto x = DeviceBuffer<Word>::input(bits(2 * 7 * 9, 40, 1));
  const auto w = DeviceBuffer<Word>::input(bits(3 * 4, 40, 2));
  const auto plan = plan_binary_depthwise_conv2d(d, capability());
  expect_same_output(
      static_cast<std::size_t>(d.n * d.oh() * d.ow() * d.o),
      [&](void* y, cudaStream_t s) { return bnas_binary_depthwise_conv2d(&dims, x.data(), w.data(), y, s); },
      [&](void* y, cudaStream_t s) { return binary_depthwise_conv2d(plan, x.data(), w.data(), y, s); });
  bnas_kernel_info info = {};
  ASSERT_EQ(bnas_binary_depthwise_conv2d_info(&dims, &info).code, BNAS_OK);
  EXPECT_STREQ(info.operation, "binary_depthwise_conv2d");
  EXPECT_STREQ(info.variant, binary_depthwise_conv2d_info(plan).variant);
  expect_same(bnas_binary_depthwise_conv2d(&kDims, x.data(), w.data(), nullptr, nullptr),  // o is not c
              plan_binary_depthwise_conv2d(cpp_dims(PadValue::zero), capability()).status);
}

TEST(CApi, BinaryConv2d) {
  const auto x = DeviceBuffer<Word>::input(bits(2 * 7 * 9, 40, 1));
  const auto w = DeviceBuffer<Word>::input(bits(5 * 3 * 4, 40, 2));
  for (const PadValue pad_value : {PadValue::zero, PadValue::one}) {
    bnas_conv2d_dims dims = kDims;
    dims.pad_one = pad_value == PadValue::one ? 1 : 0;
    const Conv2dDims d = cpp_dims(pad_value);
    const auto plan = plan_binary_conv2d(d, capability());
    const std::size_t bytes =
        static_cast<std::size_t>(d.n * d.oh() * d.ow() * d.o) * static_cast<std::size_t>(bnas_dot_bytes(d.k()));
    expect_same_output(
        bytes, [&](void* y, cudaStream_t s) { return bnas_binary_conv2d(&dims, x.data(), w.data(), y, nullptr, s); },
        [&](void* y, cudaStream_t s) { return binary_conv2d(plan, x.data(), w.data(), y, nullptr, s); });
  }
}

TEST(CApi, BinaryConv2dAddsItsSums) {
  const Conv2dDims d = cpp_dims(PadValue::zero);
  const auto plan = plan_binary_conv2d(d, capability());
  const auto x = DeviceBuffer<Word>::input(bits(2 * 7 * 9, 40, 1));
  const auto w = DeviceBuffer<Word>::input(bits(5 * 3 * 4, 40, 2));
  const auto y = DeviceBuffer<std::int16_t>::output(static_cast<std::size_t>(d.n * d.oh() * d.ow() * d.o));
  const auto sums = [&](auto convolve) {
    const TestStream stream;
    const auto total = DeviceBuffer<std::int64_t>::input(std::vector<std::int64_t>(10, 1000));
    convolve(total.data(), stream.get());
    stream.synchronize();
    return total.download();
  };
  const auto by_c = sums([&](std::int64_t* total, cudaStream_t s) {
    EXPECT_EQ(bnas_binary_conv2d(&kDims, x.data(), w.data(), y.data(), total, s).code, BNAS_OK);
  });
  const auto by_cpp = sums([&](std::int64_t* total, cudaStream_t s) {
    require_ok(binary_conv2d(plan, x.data(), w.data(), y.data(), total, s));
  });
  EXPECT_EQ(by_c, by_cpp);
  EXPECT_NE(by_c[5], 1000);
}

TEST(CApi, BinaryConv2dSaysWhatItWouldLaunch) {
  bnas_kernel_info info = {};
  ASSERT_EQ(bnas_binary_conv2d_info(&kDims, &info).code, BNAS_OK);
  const KernelInfo expected = binary_conv2d_info(plan_binary_conv2d(cpp_dims(PadValue::zero), capability()));
  EXPECT_STREQ(info.operation, "binary_conv2d");
  EXPECT_STREQ(info.variant, expected.variant);
  EXPECT_EQ(info.determinism, BNAS_EXACT);
  EXPECT_EQ(info.blocks, expected.blocks);
  EXPECT_EQ(info.threads, expected.threads);
  EXPECT_EQ(info.shared_bytes, expected.shared_bytes);
}

TEST(CApi, BinaryConv2dRefusesWhatItsTwinRefuses) {
  bnas_conv2d_dims dims = kDims;
  dims.stride_w = 0;
  Conv2dDims d = cpp_dims(PadValue::zero);
  d.stride_w = 0;
  expect_same(bnas_binary_conv2d(&dims, nullptr, nullptr, nullptr, nullptr, nullptr),
              plan_binary_conv2d(d, capability()).status);
  bnas_kernel_info info = {};
  expect_same(bnas_binary_conv2d_info(&dims, &info), plan_binary_conv2d(d, capability()).status);
  EXPECT_EQ(bnas_binary_conv2d_info(&kDims, nullptr).code, BNAS_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace bnas::cuda::test
