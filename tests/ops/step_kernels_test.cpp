// SPDX-License-Identifier: Apache-2.0
// What a training step does outside the tape, through the kernel table of every device: batches, optimizers, norms.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "bnas/core/error.hpp"
#include "bnas/core/kernels/optim.hpp"
#include "bnas/core/step_feed.hpp"
#include "support/declared_oracle.hpp"
#include "support/device_data.hpp"

namespace bnas::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("StepKernels", "figures by hand");

using Values = std::vector<double>;

class StepKernels : public testing::TestWithParam<Device> {
 protected:
  Tensor tensor(const Shape& shape, const Values& values, DType dtype = DType::f32) {
    Array array(shape);
    array.values = values;
    return upload(*stream_, array, dtype);
  }
  void expect_near(const Tensor& got, const Values& want) {
    const Array array = download(*stream_, got);
    ASSERT_EQ(array.values.size(), want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      EXPECT_NEAR(array.values[i], want[i], 1e-6 * std::max(1.0, std::fabs(want[i]))) << i;  // a few roundings
    }
  }

  std::unique_ptr<Stream> stream_ = test_stream(GetParam());
};

// The first step of Adam from zeros: m / sqrt(v) is the sign of the gradient but for eps.
TEST_P(StepKernels, AdamMovesAndClampsEveryParameter) {
  const AdamRule rule{.eps = 0.0F};
  const Tensor step = step_tensor(*stream_, {.lr = 0.25F, .bias_correction = rule.bias_correction(1)});
  std::vector<ParameterUpdate> updates(2);
  updates[0].grad = tensor({2, 2}, {2.0, -2.0, 0.5, -0.5});
  updates[0].weight = tensor({2, 2}, {0.5, 0.5, -0.9, 0.9});
  updates[0].clip = 1.0F;
  updates[1].grad = tensor({1}, {3.0});
  updates[1].weight = tensor({1}, {-0.9});
  updates[1].lr_multiplier = 2.0F;
  updates[1].slots[2] = Tensor::zeros(*stream_, {1}, DType::f32);  // v_max of AMSGrad
  for (ParameterUpdate& update : updates) {
    update.slots[0] = Tensor::zeros(*stream_, update.weight.shape(), DType::f32);
    update.slots[1] = Tensor::zeros(*stream_, update.weight.shape(), DType::f32);
  }
  dispatch<kernels::AdamStep>(*stream_, updates, rule, step);
  expect_near(updates[0].weight, {0.25, 0.75, -1.0, 1.0});
  expect_near(updates[0].slots[0], {0.2, -0.2, 0.05, -0.05});
  expect_near(updates[0].slots[1], {0.004, 0.004, 0.00025, 0.00025});
  expect_near(updates[1].weight, {-1.4});
  expect_near(updates[1].slots[2], {0.009});
}

TEST_P(StepKernels, SgdAndBop) {
  const Tensor step = step_tensor(*stream_, {.lr = 0.5F});
  ParameterUpdate sgd;
  sgd.grad = tensor({2}, {1.0, -1.0});
  sgd.weight = tensor({2}, {1.0, 2.0});
  sgd.slots[0] = tensor({2}, {2.0, 4.0});
  dispatch<kernels::SgdStep>(*stream_, std::span(&sgd, 1), SgdRule{.momentum = 0.5F}, step);
  expect_near(sgd.slots[0], {2.0, 1.0});
  expect_near(sgd.weight, {0.0, 1.5});

  ParameterUpdate bop;
  bop.grad = tensor({2}, {1.0, 1.0});
  bop.weight = tensor({2}, {1.0, -1.0});
  bop.slots[0] = tensor({2}, {1.0, 1.0});
  dispatch<kernels::BopStep>(*stream_, std::span(&bop, 1), BopRule{0.5F, 0.25F});
  expect_near(bop.weight, {-1.0, -1.0});
}

TEST_P(StepKernels, NormsOfAllGradients) {
  const std::vector<Tensor> grads = {tensor({2}, {3.0, 0.0}), tensor({1, 1}, {-4.0})};
  Tensor norm(*stream_, Shape{}, DType::f32);
  dispatch<kernels::ClipGradNorm>(*stream_, grads, 10.0F, norm);
  expect_near(norm, {5.0});
  expect_near(grads[1], {-4.0});
  dispatch<kernels::ClipGradNorm>(*stream_, grads, 1.0F, norm);
  expect_near(grads[0], {0.6, 0.0});
  expect_near(grads[1], {-0.8});
  Tensor sum = Tensor::full(*stream_, Shape{}, 2.0F);
  dispatch<kernels::SumSquares>(*stream_, grads[0], sum, GradMode::accumulate);
  expect_near(sum, {2.36});
}

TEST_P(StepKernels, BatchesFollowTheFeed) {
  StepFeed feed(*stream_, 2);
  const StepValues steps[] = {{.first_row = 0}, {.first_row = 2}};
  feed.load(*stream_, steps);
  const Tensor images = tensor({3, 1, 2, 1}, {0, 255, 51, 51, 102, 153}, DType::u8);
  const Tensor all_labels = tensor({3}, {7, 8, 9}, DType::i32);
  const Tensor order = tensor({4}, {0, 1, 2, 0}, DType::i32);
  Tensor batch(*stream_, {2, 1, 2, 1}, DType::f32);
  Tensor labels(*stream_, {2}, DType::i32);
  const Values want[] = {{-1.0, 1.0, -0.6, -0.6}, {-0.2, 0.2, -1.0, 1.0}};
  const Values want_labels[] = {{7, 8}, {9, 7}};
  for (int i = 0; i < 2; ++i) {
    feed.advance(*stream_);
    dispatch<kernels::GatherBatch>(*stream_, images, all_labels, order, feed.current(), BatchRule{}, batch, labels);
    expect_near(batch, want[i]);
    expect_near(labels, want_labels[i]);
  }
}

/// Every device finds the same bits: whole pixels, bilinear means of turned and enlarged images, cut boxes, colours.
TEST_P(StepKernels, AugmentedBatchesAreThoseOfTheCpu) {
  constexpr std::int64_t kH = 9, kW = 7, kC = 3, kCount = 4;
  Values bytes;
  for (std::int64_t i = 0; i < kCount * kH * kW * kC; ++i) {
    bytes.push_back(static_cast<double>(i * 89 % 256));
  }
  const RandomKey random{5, 6, RandomPurpose::dropout};
  const auto gather = [&](Stream& stream, const BatchRule& rule) {
    const auto on = [&](const Shape& shape, const Values& values, DType dtype) {
      Array array(shape);
      array.values = values;
      return upload(stream, array, dtype);
    };
    Tensor batch(stream, {3, kH, kW, kC}, DType::f32), labels(stream, {3}, DType::i32);
    dispatch<kernels::GatherBatch>(stream, on({kCount, kH, kW, kC}, bytes, DType::u8),
                                   on({kCount}, {1, 2, 3, 4}, DType::i32), on({4}, {0, 3, 1, 2}, DType::i32),
                                   step_tensor(stream, {.first_row = 1, .random = random}), rule, batch, labels);
    return batch.to_host(stream);
  };
  const auto cpu = test_stream({});
  std::vector<float> plain;
  for (const BatchRule& rule :
       {BatchRule{}, BatchRule{{.shift = 2, .flip = true}}, BatchRule{{.rotation = 25}}, BatchRule{{.crop = 40}},
        BatchRule{{.shift = 1, .flip = true, .cutout = 3, .rotation = 180, .crop = 90}, 2.0F},
        BatchRule{{.brightness = 40}}, BatchRule{{.contrast = 40}}, BatchRule{{.saturation = 40}},
        BatchRule{{.hue = 20}},
        BatchRule{{.flip = true, .crop = 72, .brightness = 40, .contrast = 40, .saturation = 40, .hue = 20}}}) {
    const std::vector<float> got = gather(*stream_, rule), want = gather(*cpu, rule);
    EXPECT_EQ(got, want) << rule.augment.rotation << ", " << rule.augment.crop << ", " << rule.augment.hue;
    EXPECT_NE(got, plain);
    plain = plain.empty() ? got : plain;
  }
}

// The CPU throws at the call, a GPU at the next synchronization; then all is as before.
TEST_P(StepKernels, AnImageThatDoesNotExistIsNamed) {
  const Tensor images = tensor({2, 1, 1, 1}, {1, 2}, DType::u8);
  const Tensor all_labels = tensor({2}, {0, 1}, DType::i32);
  Tensor batch(*stream_, {1, 1, 1, 1}, DType::f32);
  Tensor labels(*stream_, {1}, DType::i32);
  const auto gather = [&](double image) {
    dispatch<kernels::GatherBatch>(*stream_, images, all_labels, tensor({1}, {image}, DType::i32), Tensor(),
                                   BatchRule{}, batch, labels);
    stream_->synchronize();
  };
  try {
    gather(2);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.what(), "[gather_batch] " + GetParam().text() + ": order[0] is 2, expected 0 <= value < 2");
  }
  gather(1);
  expect_near(labels, {1});
}

INSTANTIATE_TEST_SUITE_P(Devices, StepKernels, testing::ValuesIn(available_devices()), [](const auto& parameter) {
  std::string name = parameter.param.text();
  std::replace(name.begin(), name.end(), ':', '_');
  return name;
});

}  // namespace
}  // namespace bnas::test
