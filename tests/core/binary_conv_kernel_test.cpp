// SPDX-License-Identifier: Apache-2.0
// Packed convolutions equal the integer definition exactly, on every instruction set.
#include <gtest/gtest.h>

#include "bnas/core/kernels/conv.hpp"
#include "support/conv_oracle.hpp"
#include "support/kernel_run.hpp"

namespace bnas {
namespace {

using namespace testing_support;

/// The values of y after the kernel; what lies behind y must be untouched.
Values run_binary(const Conv2dDims& d, const Values& x, const Values& w, bool depthwise) {
  const auto stream = backend_for({}).make_stream();
  const Tensor bits = bit_tensor(*stream, Shape{d.n, d.h, d.w, d.c}, x);
  const Tensor filters = bit_tensor(*stream, depthwise ? Shape{d.kh, d.kw, d.c} : Shape{d.o, d.kh, d.kw, d.c}, w);
  const DType dtype = dot_dtype(depthwise ? d.kh * d.kw : d.k());
  Tensor y = garbage_tensor(*stream, Shape{d.n, d.oh(), d.ow(), d.o}, dtype);
  const char* behind = static_cast<const char*>(y.raw()) + y.bytes();
  const std::string before(behind, 64);
  if (depthwise) {
    dispatch<kernels::BinaryDepthwiseConv2d>(*stream, bits, filters, d, y);
  } else {
    Tensor no_sums;
    dispatch<kernels::BinaryConv2d>(*stream, bits, filters, d, y, no_sums);
  }
  EXPECT_EQ(before, std::string(behind, 64)) << "written behind the output";
  return values_of(y);
}

void check_binary(const Conv2dDims& d, const Values& x, const Values& w, bool depthwise) {
  const Values expected = conv_oracle(x, w, d, depthwise);
  on_every_isa([&](cpu::Isa isa) {
    ASSERT_EQ(run_binary(d, x, w, depthwise), expected) << text(d) << " on " << cpu::isa_name(isa);
  });
}

TEST(BinaryConvKernel, EqualsTheDefinitionOnRandomShapes) {
  ConvShapes shapes(1, false);
  for (int i = 0; i < 1500 && !HasFatalFailure(); ++i) {
    const Conv2dDims d = shapes.next();
    check_binary(d, shapes.signs(x_size(d)), shapes.signs(w_size(d, false)), false);
  }
}

TEST(BinaryDepthwiseConvKernel, EqualsTheDefinitionOnRandomShapes) {
  ConvShapes shapes(2, true);
  for (int i = 0; i < 1500 && !HasFatalFailure(); ++i) {
    const Conv2dDims d = shapes.next();
    check_binary(d, shapes.signs(x_size(d)), shapes.signs(w_size(d, true)), true);
  }
}

// Every product -1 or every product +1 drives the counters to their ends: byte counters that are summed too late, and
// the largest values of i8 (K = 127 has no shape here; 126), i16 and i32 outputs.
TEST(BinaryConvKernel, ExtremeValuesDoNotOverflow) {
  for (const int c : {14, 31, 128, 255, 256, 1024, 3641}) {
    for (const int k : {1, 3}) {
      Conv2dDims d{.n = 5, .h = k, .w = k, .c = c, .o = 18, .kh = k, .kw = k, .pad_h = {}, .pad_w = {}};
      const Values ones(x_size(d), 1.0);
      const Values plus(w_size(d, false), 1.0);
      const Values minus(w_size(d, false), -1.0);
      check_binary(d, ones, plus, false);
      check_binary(d, ones, minus, false);
    }
  }
}

TEST(BinaryDepthwiseConvKernel, ExtremeValuesDoNotOverflow) {
  // 7 planes hold 127 taps of an i8 output; 11 x 13 taps need i16.
  for (const auto& [kh, kw] : {std::pair{1, 15}, {1, 16}, {4, 8}, {7, 9}, {8, 8}, {1, 127}, {11, 13}}) {
    Conv2dDims d{.n = 3, .h = kh, .w = kw, .c = 33, .o = 33, .kh = kh, .kw = kw, .pad_h = {}, .pad_w = {}};
    const Values ones(x_size(d), 1.0);
    check_binary(d, ones, Values(w_size(d, true), 1.0), true);
    check_binary(d, ones, Values(w_size(d, true), -1.0), true);
  }
}

TEST(BinaryConvKernel, SumsAreThoseOfTheResult) {
  ConvShapes shapes(3, false);
  for (int i = 0; i < 100 && !HasFatalFailure(); ++i) {
    const Conv2dDims d = shapes.next();
    const Values x = shapes.signs(x_size(d)), w = shapes.signs(w_size(d, false));
    const auto o = static_cast<std::size_t>(d.o);
    std::vector<std::int64_t> expected(2 * o);
    const Values y = conv_oracle(x, w, d, false);
    for (std::size_t j = 0; j < y.size(); ++j) {
      expected[j % o] += static_cast<std::int64_t>(y[j]);
      expected[o + j % o] += static_cast<std::int64_t>(y[j] * y[j]);
    }
    on_every_isa([&](cpu::Isa isa) {
      const auto stream = backend_for({}).make_stream();
      Tensor result(*stream, Shape{d.n, d.oh(), d.ow(), d.o}, dot_dtype(d.k()));
      Tensor sums = garbage_tensor(*stream, sums_shape(d.o), DType::u8);
      dispatch<kernels::BinaryConv2d>(*stream, bit_tensor(*stream, Shape{d.n, d.h, d.w, d.c}, x),
                                      bit_tensor(*stream, Shape{d.o, d.kh, d.kw, d.c}, w), d, result, sums);
      ASSERT_EQ(std::memcmp(sums.raw(), expected.data(), sums.bytes()), 0) << text(d) << " on " << cpu::isa_name(isa);
    });
  }
}

TEST(BinaryConvKernel, RefusesWrongTypes) {
  const auto stream = backend_for({}).make_stream();
  const Conv2dDims d{.n = 1, .h = 1, .w = 1, .c = 4, .o = 4, .pad_h = {}, .pad_w = {}};
  const Tensor bits = bit_tensor(*stream, Shape{1, 1, 1, 4}, Values(4, 1.0));
  const Tensor filters = bit_tensor(*stream, Shape{4, 1, 1, 4}, Values(16, 1.0));
  const Tensor floats = float_tensor(*stream, Shape{1, 1, 1, 4}, Values(4, 1.0));
  Tensor wide(*stream, Shape{1, 1, 1, 4}, DType::i16);
  Tensor narrow(*stream, Shape{1, 1, 1, 4}, DType::i8);
  Tensor none, few(*stream, sums_shape(3), DType::u8);
  EXPECT_THROW(dispatch<kernels::BinaryConv2d>(*stream, bits, filters, d, wide, none), Error);
  EXPECT_THROW(dispatch<kernels::BinaryConv2d>(*stream, floats, filters, d, narrow, none), Error);
  EXPECT_THROW(dispatch<kernels::BinaryConv2d>(*stream, bits, filters, d, narrow, few), Error);
  EXPECT_NO_THROW(dispatch<kernels::BinaryConv2d>(*stream, bits, filters, d, narrow, none));
}

TEST(Isa, EveryInstructionSetCanBeForced) {
  on_every_isa([](cpu::Isa isa) { EXPECT_EQ(cpu::current_isa(), isa); });
  EXPECT_EQ(cpu::supported_isas().back(), cpu::Isa::portable);
  EXPECT_EQ(cpu::cpu_isa_name(), cpu::isa_name(cpu::supported_isas().front()));
}

}  // namespace
}  // namespace bnas
