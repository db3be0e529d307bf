// SPDX-License-Identifier: Apache-2.0
// The packed convolution equals the definition exactly: every variant, every border, every width of a word's tail.
#include "bnas/cuda/binary_conv2d.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "cuda/support/bits.hpp"
#include "cuda/support/device_buffer.hpp"
#include "support/conv_oracle.hpp"

namespace bnas::cuda::test {
namespace {

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

TEST_F(BinaryConv2d, First) {
  ConvShapes shapes(11, false);
  for (int i = 0; i < 1000 && !HasFatalFailure(); ++i) {
    const Conv2dDims d = shapes.next();
    expect_equal(d, shapes.signs(x_size(d)), shapes.signs(w_size(d, false)));
  }
}

}  // namespace
}  // namespace bnas::cuda::test
