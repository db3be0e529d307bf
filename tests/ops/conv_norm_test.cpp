// SPDX-License-Identifier: Apache-2.0
// A batch norm whose convolution hands it the sums of its channels equals one that makes its own pass, on every device.
#include <gtest/gtest.h>

#include <algorithm>

#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/norm.hpp"
#include "support/device_data.hpp"

namespace bnas::test {
namespace {

using Bytes = std::vector<unsigned char>;

/// What a training pass leaves: result, running statistics, gradients.
struct Form {
  bool sums, sign, dense;
};

std::vector<Bytes> run(Device device, const Form& form) {
  const auto stream = test_stream(device);
  constexpr std::int64_t kChannels = 37;
  const Shape per_channel{kChannels};
  const Shape x_shape = form.dense ? Shape{19, 40} : Shape{3, 9, 9, 40};
  const Shape w_shape = form.dense ? Shape{kChannels, 40} : Shape{kChannels, 3, 3, 40};
  const Input inputs[] = {Input::bits(x_shape), Input::bits(w_shape), Input::real(per_channel),
                          Input::real(per_channel)};
  Tape tape(*stream);
  Context ctx{*stream, &tape, Mode::train};
  std::vector<Tensor> grads;
  std::vector<Var> in;
  for (const Input& input : inputs) {
    grads.emplace_back(*stream, input.shape, DType::f32);
    in.push_back(tape.leaf(upload(*stream, generate(input, grads.size()), input.dtype), grads.back()));
  }
  ops::RunningStats stats{Tensor::full(*stream, per_channel, 0.0F), Tensor::full(*stream, per_channel, 1.0F)};
  const Var dots = form.dense ? ops::binary_dense(ctx, in[0], in[1], form.sums)
                              : ops::binary_conv2d(ctx, in[0], in[1], ops::Geometry::with_stride(2), form.sums);
  EXPECT_EQ(dots.sums.defined(), form.sums);
  const auto norm = form.sign ? ops::batch_norm_sign : ops::batch_norm;
  const Var y = norm(ctx, dots, in[2], in[3], stats, {});
  tape.backward(y, upload(*stream, generate(Input::real(y.shape()), 9), DType::f32));
  std::vector<Bytes> left;
  for (const Tensor& tensor : {y.value, stats.mean, stats.variance, grads[0], grads[1], grads[2], grads[3]}) {
    left.push_back(raw_bytes(*stream, tensor));
  }
  return left;
}

class ConvNorm : public testing::TestWithParam<Device> {};

TEST_P(ConvNorm, SumsOfTheConvolutionGiveTheSameBits) {
  for (const bool sign : {false, true}) {
    for (const bool dense : {false, true}) {
      EXPECT_EQ(run(GetParam(), {true, sign, dense}), run(GetParam(), {false, sign, dense})) << sign << dense;
    }
  }
}

TEST_P(ConvNorm, SumsAreNotMadeWhereNoStatisticsAre) {
  const auto stream = test_stream(GetParam());
  Context ctx{*stream};  // inference
  const Var x{upload(*stream, generate(Input::bits({2, 8}), 1), DType::bit)};
  const Var w{upload(*stream, generate(Input::bits({4, 8}), 2), DType::bit)};
  EXPECT_FALSE(ops::binary_dense(ctx, x, w, true).sums.defined());
}

INSTANTIATE_TEST_SUITE_P(Devices, ConvNorm, testing::ValuesIn(available_devices()), [](const auto& parameter) {
  std::string name = parameter.param.text();
  std::replace(name.begin(), name.end(), ':', '_');
  return name;
});

}  // namespace
}  // namespace bnas::test
