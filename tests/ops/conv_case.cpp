// SPDX-License-Identifier: Apache-2.0
// Convolutions and dense layers, binary and real: one list of sizes serves them all.
#include "bnas/core/kernels/conv.hpp"
#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/linear.hpp"
#include "support/oracles.hpp"

namespace bnas::test {
namespace {

struct ConvCase {
  const char* name;  ///< why this size is here
  std::int64_t n, h, w, c, o;
  int kh, kw;
  ops::Geometry geometry;
};

ops::Geometry strided(int h, int w) {
  ops::Geometry g;
  g.stride_h = h;
  g.stride_w = w;
  return g;
}

ops::Geometry padded_with_one(ops::Geometry g) {
  g.pad_value = PadValue::one;
  return g;
}

const auto kStride1 = ops::Geometry::with_stride(1);
const auto kStride2 = ops::Geometry::with_stride(2);

/// Channels around the words (32) and the pairs of words that vector kernels read; images from one pixel to 28x28.
const std::vector<ConvCase> kConvCases = {
    {"one_of_everything", 1, 1, 1, 1, 1, 1, 1, kStride1},
    {"taps_mostly_outside_one_pixel", 1, 1, 1, 33, 5, 7, 7, kStride1},
    {"one_bit_short_of_a_word", 1, 4, 4, 31, 33, 3, 3, kStride1},
    {"full_word_odd_image_stride_2", 3, 7, 7, 32, 16, 3, 3, kStride2},
    {"one_bit_in_a_second_word", 1, 4, 4, 33, 7, 5, 5, kStride1},
    {"two_words_row_kernel", 1, 7, 7, 64, 8, 1, 7, kStride2},
    {"one_bit_in_a_third_word_column_kernel", 3, 4, 4, 65, 8, 7, 1, kStride1},
    {"three_words_even_image_asymmetric_same", 1, 4, 4, 96, 31, 3, 3, kStride2},
    {"first_cell_of_a_network", 1, 28, 28, 16, 8, 3, 3, kStride2},
    {"pointwise", 3, 7, 7, 65, 33, 1, 1, kStride1},
    {"strides_differ", 1, 7, 4, 32, 4, 3, 3, strided(1, 2)},
    {"one_padding", 1, 4, 4, 33, 8, 3, 3, padded_with_one(kStride1)},
    {"one_padding_wide_kernel_stride_2", 3, 7, 7, 31, 4, 7, 7, padded_with_one(kStride2)},
    {"shifted_grid_of_an_odd_image", 1, 7, 7, 32, 8, 1, 1, ops::Geometry::explicit_pad(2, {-1, 1}, {-1, 1})},
    {"explicit_lopsided_padding", 1, 4, 7, 33, 4, 3, 3, ops::Geometry::explicit_pad(1, {2, 0}, {0, 1})},
    {"explicit_no_padding", 1, 7, 7, 64, 4, 5, 5, ops::Geometry::explicit_pad(2, {0, 0}, {0, 0})},
};

OpCase binary_conv(const ConvCase& c) {
  return {.op = "binary_conv2d",
          .name = c.name,
          .inputs = {Input::bits({c.n, c.h, c.w, c.c}), Input::bits({c.o, c.kh, c.kw, c.c})},
          .build = [g = c.geometry](Context& ctx, const auto& in) { return ops::binary_conv2d(ctx, in[0], in[1], g); },
          .oracle = [g = c.geometry](const Arrays& in) { return conv2d_oracle(in[0], in[1], g); },
          .result = dot_dtype(c.kh * c.kw * c.c)};
}

OpCase binary_depthwise(const ConvCase& c) {
  return {.op = "binary_depthwise_conv2d",
          .name = c.name,
          .inputs = {Input::bits({c.n, c.h, c.w, c.c}), Input::bits({c.kh, c.kw, c.c})},
          .build = [g = c.geometry](Context& ctx,
                                    const auto& in) { return ops::binary_depthwise_conv2d(ctx, in[0], in[1], g); },
          .oracle = [g = c.geometry](const Arrays& in) { return depthwise_oracle(in[0], in[1], g); },
          .result = DType::i8};
}

OpCase real_conv(const ConvCase& c, bool binary_weights) {
  const Shape w{c.o, c.kh, c.kw, c.c};
  return {.op = "conv2d",
          .name = std::string(c.name) + (binary_weights ? "_binary_weights" : ""),
          .inputs = {Input::real({c.n, c.h, c.w, c.c}), binary_weights ? Input::bits(w) : Input::real(w)},
          .build = [g = c.geometry](Context& ctx, const auto& in) { return ops::conv2d(ctx, in[0], in[1], g); },
          .oracle = [g = c.geometry](const Arrays& in) { return conv2d_oracle(in[0], in[1], g); },
          .tolerance = kSumTolerance,
          .reason = kSumReason};
}

OpCase real_depthwise(const ConvCase& c, bool binary_weights) {
  const Shape w{c.kh, c.kw, c.c};
  return {
      .op = "depthwise_conv2d",
      .name = std::string(c.name) + (binary_weights ? "_binary_weights" : ""),
      .inputs = {Input::real({c.n, c.h, c.w, c.c}), binary_weights ? Input::bits(w) : Input::real(w)},
      .build = [g = c.geometry](Context& ctx, const auto& in) { return ops::depthwise_conv2d(ctx, in[0], in[1], g); },
      .oracle = [g = c.geometry](const Arrays& in) { return depthwise_oracle(in[0], in[1], g); },
      .tolerance = kSumTolerance,
      .reason = kSumReason};
}

struct DenseCase {
  const char* name;
  std::int64_t n, c, o;
};

OpCase binary_dense(const DenseCase& c) {
  return {.op = "binary_dense",
          .name = c.name,
          .inputs = {Input::bits({c.n, c.c}), Input::bits({c.o, c.c})},
          .build = [](Context& ctx, const auto& in) { return ops::binary_dense(ctx, in[0], in[1]); },
          .oracle = [](const Arrays& in) { return dense_oracle(in[0], in[1]); },
          .result = dot_dtype(c.c)};
}

OpCase dense(const DenseCase& c, bool binary_weights) {
  const Shape w{c.o, c.c};
  return {.op = "dense",
          .name = std::string(c.name) + (binary_weights ? "_binary_weights" : "_with_bias"),
          .inputs = {Input::real({c.n, c.c}), binary_weights ? Input::bits(w) : Input::real(w), Input::real({c.o})},
          .build =
              [binary_weights](Context& ctx, const auto& in) {
                return binary_weights ? ops::dense(ctx, in[0], in[1]) : ops::dense(ctx, in[0], in[1], in[2]);
              },
          .oracle = [binary_weights](
                        const Arrays& in) { return dense_oracle(in[0], in[1], binary_weights ? nullptr : &in[2]); },
          .tolerance = kSumTolerance,
          .reason = kSumReason};
}

/// The largest sums of i8 and i16 and the first beyond, then widths of real heads.
const std::vector<DenseCase> kBinaryDenseCases = {
    {"one", 1, 1, 1},           {"widest_i8", 3, 127, 33},
    {"first_i16", 3, 128, 10},  {"widest_i16", 1, 32767, 2},
    {"first_i32", 1, 32768, 2}, {"one_bit_in_a_second_word", 5, 33, 10},
};
const std::vector<DenseCase> kDenseCases = {{"one", 1, 1, 1}, {"odd_batch", 5, 65, 10}, {"wide", 3, 96, 33}};

std::vector<OpCase> conv_cases() {
  std::vector<OpCase> cases;
  for (const ConvCase& c : kConvCases) {
    cases.push_back(binary_conv(c));
    cases.push_back(binary_depthwise(c));
    cases.push_back(real_conv(c, false));
    cases.push_back(real_depthwise(c, false));
  }
  for (const std::size_t i : {1U, 3U, 11U}) {  // one pixel, an odd image with stride, one padding
    cases.push_back(real_conv(kConvCases[i], true));
    cases.push_back(real_depthwise(kConvCases[i], true));
  }
  for (const DenseCase& c : kBinaryDenseCases) {
    cases.push_back(binary_dense(c));
  }
  for (const DenseCase& c : kDenseCases) {
    cases.push_back(dense(c, false));
    cases.push_back(dense(c, true));
  }
  return cases;
}

const bool kAdded = add_cases(conv_cases());

}  // namespace
}  // namespace bnas::test
