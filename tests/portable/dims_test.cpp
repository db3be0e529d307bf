// SPDX-License-Identifier: Apache-2.0
#include "bnas/portable/dims.hpp"

#include <gtest/gtest.h>

namespace bnas {
namespace {

TEST(Dims, SamePaddingOfTensorFlowPutsTheOddPixelLast) {
  struct Case {
    int length, kernel;
    AxisPad pad;
  };
  const Case stride_two[] = {
      {28, 3, {0, 1}}, {14, 3, {0, 1}}, {7, 3, {1, 1}},  {28, 5, {1, 2}}, {14, 5, {1, 2}},
      {7, 5, {2, 2}},  {28, 7, {2, 3}}, {14, 7, {2, 3}}, {7, 7, {3, 3}},
  };
  for (const Case& c : stride_two) {
    EXPECT_EQ(same_pad(c.length, c.kernel, 2), c.pad) << c.length << " by " << c.kernel;
  }
  EXPECT_EQ(same_pad(28, 7, 1), (AxisPad{3, 3}));  // the long axis of a 7x1 filter
  EXPECT_EQ(same_pad(28, 1, 1), (AxisPad{0, 0}));  // and its short one
  EXPECT_EQ(same_pad(28, 2, 1), (AxisPad{0, 1}));
  EXPECT_EQ(same_pad(9, 1, 2), (AxisPad{0, 0}));  // stride beyond the kernel: nothing, and nothing negative
  EXPECT_EQ(same_pad(9, 1, 4), (AxisPad{0, 0}));
}

TEST(Dims, SameOutputIsTheRoundedUpQuotient) {
  for (int length = 1; length <= 30; ++length) {
    for (const int kernel : {1, 2, 3, 5, 7}) {
      for (const int stride : {1, 2, 3}) {
        EXPECT_EQ(output_length(length, kernel, stride, same_pad(length, kernel, stride)),
                  (length + stride - 1) / stride)
            << length << " by " << kernel << " stride " << stride;
      }
    }
  }
}

TEST(Dims, NegativePaddingSkipsPixels) {
  EXPECT_EQ(output_length(8, 1, 2, {0, 0}), 4);
  EXPECT_EQ(output_length(8, 1, 2, {-1, 1}), 4);  // the shifted grid of a factorized reduction: as many outputs
}

TEST(Dims, ConvolutionAndPoolDeriveOutputs) {
  const Conv2dDims conv{.n = 2,
                        .h = 7,
                        .w = 5,
                        .c = 33,
                        .o = 4,
                        .kh = 3,
                        .kw = 1,
                        .stride_h = 2,
                        .stride_w = 1,
                        .pad_h = {1, 1},
                        .pad_w = {}};
  EXPECT_EQ(conv.oh(), 4);
  EXPECT_EQ(conv.ow(), 5);
  EXPECT_EQ(conv.k(), 99);
  const Pool2dDims pool{.n = 1, .h = 7, .w = 5, .c = 3, .kh = 7, .kw = 5, .pad_h = {}, .pad_w = {}};
  EXPECT_EQ(pool.oh(), 1);
  EXPECT_EQ(pool.ow(), 1);
}

}  // namespace
}  // namespace bnas
