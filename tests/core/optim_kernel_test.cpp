// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernels/optim.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "bnas/core/step_feed.hpp"
#include "kernel_support.hpp"
#include "support/color_oracle.hpp"

namespace bnas::test {
namespace {

class OptimKernel : public CpuKernelTest {
 protected:
  Tensor step(float lr, double bias_correction = 1.0) {
    return step_tensor(*stream_, {.lr = lr, .bias_correction = bias_correction});
  }
  template <class Op, class... Args>
  void update(const ParameterUpdate& parameter, const Args&... args) {
    run<Op>(std::span(&parameter, 1), args...);
  }
};

double clamp(double w, double limit) { return limit > 0 ? std::clamp(w, -limit, limit) : w; }

TEST_F(OptimKernel, AdamAndAmsgradInDouble) {
  for (const bool amsgrad : {false, true}) {
    for (const double clip : {0.0, 1.0}) {
      for (const std::int64_t n : {1, 16, 35}) {
        Values first;
        for_each_target([&] {
          const AdamRule rule{.weight_decay = 0.01F};
          const float lr = 0.05F;
          const double b1 = static_cast<double>(rule.beta1), b2 = static_cast<double>(rule.beta2);
          Values w = random(n, 1, 1.2), m(w.size()), v(w.size()), largest(w.size());
          Tensor weight = tensor(Shape{n}, DType::f32, w);
          Tensor tm = tensor(Shape{n}, DType::f32, m);
          Tensor tv = tensor(Shape{n}, DType::f32, v);
          Tensor tmax = amsgrad ? tensor(Shape{n}, DType::f32, largest) : Tensor{};
          for (int t = 1; t <= 5; ++t) {
            const Values grad = random(n, static_cast<std::uint64_t>(10 + t), t == 1 ? 3.0 : 0.5);
            const Tensor g = tensor(Shape{n}, DType::f32, grad);
            update<kernels::AdamStep>({g, weight, {tm, tv, tmax}, 1.0F, static_cast<float>(clip)}, rule,
                                      step(lr, rule.bias_correction(t)));
            for (std::size_t i = 0; i < w.size(); ++i) {
              const double gi = grad[i] + static_cast<double>(rule.weight_decay) * w[i];
              m[i] = b1 * m[i] + (1 - b1) * gi;
              v[i] = b2 * v[i] + (1 - b2) * gi * gi;
              largest[i] = std::max(largest[i], v[i]);
              const double size = static_cast<double>(lr) * std::sqrt(1 - std::pow(b2, t)) / (1 - std::pow(b1, t));
              w[i] -= size * m[i] / (std::sqrt(amsgrad ? largest[i] : v[i]) + static_cast<double>(rule.eps));
              w[i] = clamp(w[i], clip);
            }
            expect_equal(values(g), grad);
          }
          expect_near(values(weight), w, 5e-6);
          expect_near(values(tm), m, 1e-6);
          expect_near(values(tv), v, 1e-6);
          if (first.empty()) {
            first = values(weight);
          }
          expect_equal(values(weight), first);  // every target gives the same bits
        });
      }
    }
  }
}

TEST_F(OptimKernel, StepsGiveTheBitsOfTheScalarRules) {
  const std::int64_t n = 70;
  const Values grad = random(n, 2), w = random(n, 3), state = random(n, 4);
  for_each_target([&] {
    const AdamRule adam{.weight_decay = 0.1F};
    const double correction = adam.bias_correction(7);
    Values want_w(w.size()), want_m(w.size()), want_v(w.size());
    for (std::size_t i = 0; i < w.size(); ++i) {
      float m = static_cast<float>(state[i]);
      float v = static_cast<float>(state[i] * state[i]);
      const float size = adam_step_size(0.002F * 0.5F, correction);
      want_w[i] =
          clip_to(adam_update(adam, size, static_cast<float>(grad[i]), static_cast<float>(w[i]), m, v, nullptr), 0.5F);
      want_m[i] = m;
      want_v[i] = v;
    }
    Values squares = state;
    for (double& s : squares) {
      s *= s;
    }
    Tensor weight = tensor(Shape{n}, DType::f32, w);
    Tensor m = tensor(Shape{n}, DType::f32, state);
    Tensor v = tensor(Shape{n}, DType::f32, squares);
    update<kernels::AdamStep>({tensor(Shape{n}, DType::f32, grad), weight, {m, v}, 0.5F, 0.5F}, adam,
                              step(0.002F, correction));
    expect_equal(values(weight), want_w);
    expect_equal(values(m), want_m);
    expect_equal(values(v), want_v);

    for (const bool nesterov : {false, true}) {
      const SgdRule sgd{.momentum = 0.9F, .weight_decay = 0.1F, .nesterov = nesterov};
      for (std::size_t i = 0; i < w.size(); ++i) {
        float velocity = static_cast<float>(state[i]);
        want_w[i] = sgd_update(sgd, 0.3F, static_cast<float>(grad[i]), static_cast<float>(w[i]), &velocity);
        want_m[i] = velocity;
      }
      weight = tensor(Shape{n}, DType::f32, w);
      Tensor velocity = tensor(Shape{n}, DType::f32, state);
      update<kernels::SgdStep>({tensor(Shape{n}, DType::f32, grad), weight, {velocity}}, sgd, step(0.3F));
      expect_equal(values(weight), want_w);
      expect_equal(values(velocity), want_m);
    }
  });
}

TEST_F(OptimKernel, SgdInDouble) {
  const std::int64_t n = 19;
  const Values grad = random(n, 5), w = random(n, 6), velocity = random(n, 7);
  for_each_target([&] {
    for (const bool nesterov : {false, true}) {
      Values want(w.size());
      for (std::size_t i = 0; i < w.size(); ++i) {
        const double g = grad[i] + 0.125 * w[i];
        const double moved = 0.5 * velocity[i] + g;
        want[i] = std::clamp(w[i] - 0.25 * (nesterov ? g + 0.5 * moved : moved), -1.0, 1.0);
      }
      Tensor weight = tensor(Shape{n}, DType::f32, w);
      Tensor tv = tensor(Shape{n}, DType::f32, velocity);
      update<kernels::SgdStep>({tensor(Shape{n}, DType::f32, grad), weight, {tv}, 0.5F, 1.0F},
                               SgdRule{0.5F, 0.125F, nesterov}, step(0.5F));
      expect_near(values(weight), want, 5e-7);
    }
    Values want(w.size());
    for (std::size_t i = 0; i < w.size(); ++i) {
      want[i] = w[i] - 0.25 * grad[i];
    }
    Tensor weight = tensor(Shape{n}, DType::f32, w);
    update<kernels::SgdStep>({tensor(Shape{n}, DType::f32, grad), weight}, SgdRule{}, step(0.25F));
    expect_near(values(weight), want, 5e-7);
  });
}

TEST_F(OptimKernel, BopFlipsWhereTheAverageAgreesInSignBeyondTheThreshold) {
  for_each_target([&] {
    Tensor weight = tensor(Shape{5}, DType::f32, {1, 1, -1, -1, 1});
    Tensor average = tensor(Shape{5}, DType::f32, {0.5, -0.5, -0.5, 0.5, 0.0});
    const Tensor grad = tensor(Shape{5}, DType::f32, {0.5, -0.5, -0.5, 0.5, 0.5});
    update<kernels::BopStep>({grad, weight, {average}}, BopRule{0.5F, 0.25F});
    expect_equal(values(average), {0.5, -0.5, -0.5, 0.5, 0.25});
    expect_equal(values(weight), {-1, 1, 1, -1, 1});  // the last average equals the threshold: no flip
  });
}

TEST_F(OptimKernel, SumSquaresRoundsOnce) {
  const Values x = random(1000, 8);
  double want = 0;
  for (const double v : x) {
    want += v * v;
  }
  Tensor sum = garbage(Shape{}, DType::f32);
  run<kernels::SumSquares>(tensor(Shape{1000}, DType::f32, x), sum, GradMode::overwrite);
  EXPECT_EQ(values(sum)[0], static_cast<double>(static_cast<float>(want)));
  run<kernels::SumSquares>(tensor(Shape{2}, DType::f32, {3.0, 4.0}), sum, GradMode::overwrite);
  run<kernels::SumSquares>(tensor(Shape{1}, DType::f32, {2.0}), sum, GradMode::accumulate);
  EXPECT_EQ(values(sum)[0], 29.0);
}

TEST_F(OptimKernel, ClipGradNormIsOneNormOverAllGradients) {
  const Values a = random(70, 9), b = random(5, 10);
  double squares = 0;
  for (const Values& values : {a, b}) {
    for (const double v : values) {
      squares += v * v;
    }
  }
  const auto norm = static_cast<float>(std::sqrt(squares));
  for (const float limit : {norm / 2, norm * 2}) {
    const std::vector<Tensor> grads = {tensor(Shape{70}, DType::f32, a), tensor(Shape{5}, DType::f32, b)};
    Tensor got = garbage(Shape{}, DType::f32);
    run<kernels::ClipGradNorm>(grads, limit, got);
    EXPECT_EQ(values(got)[0], static_cast<double>(norm));
    const float factor = limit < norm ? limit / norm : 1.0F;
    Values want = b;
    for (double& v : want) {
      v = static_cast<float>(v) * factor;
    }
    expect_equal(values(grads[1]), want);
  }
}

TEST_F(OptimKernel, AdvanceStepTakesTheValuesInTurnAndStopsAtTheEnd) {
  StepFeed feed(*stream_, 3);
  const StepValues steps[] = {{.lr = 1.0F, .first_row = 5}, {.lr = 2.0F, .first_row = 6}};
  for (int repeat = 0; repeat < 2; ++repeat) {
    feed.load(*stream_, steps);
    for (const StepValues& want : steps) {
      feed.advance(*stream_);
      StepValues got;
      std::memcpy(&got, feed.current().raw(), sizeof(got));
      EXPECT_EQ(got.lr, want.lr);
      EXPECT_EQ(got.first_row, want.first_row);
    }
  }
  feed.advance(*stream_);  // of the capacity, but never loaded
  EXPECT_THROW(feed.advance(*stream_), Error);
}

TEST_F(OptimKernel, GatherBatchNormalizesBytesToPlusMinusOne) {
  for_each_target([&] {
    for (const std::int64_t width : {1, 16, 17, 29}) {  // 3 * width bytes an image: whole vectors and tails
      Values images(static_cast<std::size_t>(5 * 3 * width));
      for (std::size_t i = 0; i < images.size(); ++i) {
        images[i] = static_cast<double>(i * 37 % 256);
      }
      images[0] = 0;
      images.back() = 255;
      const Values order = {1, 3, 4, 0, 4, 2, 1};  // the batch begins at its third entry
      const Values indices = {4, 0, 4, 2};
      Values want;
      for (const double index : indices) {
        for (std::int64_t p = 0; p < 3 * width; ++p) {
          const double byte = images[static_cast<std::size_t>(index) * static_cast<std::size_t>(3 * width) +
                                     static_cast<std::size_t>(p)];
          want.push_back(static_cast<float>(byte) / 127.5F - 1.0F);
        }
      }
      Tensor batch = garbage(Shape{4, 3, width, 1}, DType::f32);
      Tensor labels = garbage(Shape{4}, DType::i32);
      run<kernels::GatherBatch>(tensor(Shape{5, 3, width, 1}, DType::u8, images),
                                tensor(Shape{5}, DType::i32, {9, 8, 7, 6, 5}), tensor(Shape{7}, DType::i32, order),
                                step_tensor(*stream_, {.first_row = 2}), BatchRule{}, batch, labels);
      expect_equal(values(batch), want);
      expect_equal(values(labels), {5, 9, 5, 7});
      EXPECT_EQ(*std::min_element(want.begin(), want.end()), -1.0);
      EXPECT_EQ(*std::max_element(want.begin(), want.end()), 1.0);
    }
  });
}

TEST_F(OptimKernel, GatherBatchMovesBytesIntoOtherRanges) {
  Tensor batch = garbage(Shape{1, 1, 3, 1}, DType::f32), labels = garbage(Shape{1}, DType::i32);
  run<kernels::GatherBatch>(tensor(Shape{1, 1, 3, 1}, DType::u8, {0, 51, 255}), tensor(Shape{1}, DType::i32, {4}),
                            tensor(Shape{1}, DType::i32, {0}), Tensor(), BatchRule{.offset = 2.0F}, batch, labels);
  expect_equal(values(batch), {-2.0, 51.0F / 127.5F - 2.0F, 0.0});
}

// What the rule says of each image, pixel by pixel; images are their own samples, whatever their row.
TEST_F(OptimKernel, GatherBatchAugments) {
  constexpr int kH = 5, kW = 6, kC = 2;
  std::vector<std::uint8_t> bytes;
  for (int i = 0; i < 2 * kH * kW * kC; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(i * 37));
  }
  const Values images(bytes.begin(), bytes.end());
  const RandomKey random{3, 4, RandomPurpose::dropout};
  RandomKey key = random.derive(0);
  key.purpose = RandomPurpose::augment;
  for (const AugmentRule& rule :
       {AugmentRule{.shift = 2}, AugmentRule{.flip = true}, AugmentRule{.shift = 1, .cutout = 3},
        AugmentRule{.flip = true, .rotation = 30, .crop = 50}}) {
    Values want;
    for (const std::uint64_t sample : {1U, 0U, 1U}) {
      const Augmentation change = augmentation(rule, key, sample, kH, kW);
      for (int y = 0; y < kH; ++y) {
        for (int x = 0; x < kW; ++x) {
          for (int c = 0; c < kC; ++c) {
            const std::int32_t pixel = change.pixel(y, x, kH, kW, bytes.data() + sample * kH * kW * kC + c, kC);
            want.push_back((change.is_cut(y, x) ? 127.5F : static_cast<float>(pixel) / 65536.0F) / 127.5F - 1.0F);
          }
        }
      }
    }
    Tensor batch = garbage(Shape{3, kH, kW, kC}, DType::f32), labels = garbage(Shape{3}, DType::i32);
    run<kernels::GatherBatch>(tensor(Shape{2, kH, kW, kC}, DType::u8, images), tensor(Shape{2}, DType::i32, {8, 9}),
                              tensor(Shape{3}, DType::i32, {1, 0, 1}), step_tensor(*stream_, {.random = random}),
                              BatchRule{rule}, batch, labels);
    expect_equal(values(batch), want);
    EXPECT_THROW(
        run<kernels::GatherBatch>(tensor(Shape{2, kH, kW, kC}, DType::u8, images), tensor(Shape{2}, DType::i32, {8, 9}),
                                  tensor(Shape{3}, DType::i32, {1, 0, 1}), Tensor(), BatchRule{rule}, batch, labels),
        Error)
        << "random numbers need a step";
  }
}

// Of three channels all four changes, of others brightness and contrast; what is cut away stays grey.
TEST_F(OptimKernel, GatherBatchChangesColors) {
  constexpr std::int64_t kH = 4, kW = 5;
  const RandomKey random{3, 4, RandomPurpose::dropout};
  RandomKey key = random.derive(0);
  key.purpose = RandomPurpose::augment;
  for (const std::int64_t channels : {1, 2, 3}) {
    AugmentRule rule{.flip = true, .cutout = 2, .brightness = 40, .contrast = 60};
    if (channels == 3) {
      rule.saturation = 80;
      rule.hue = 30;
    }
    Values images;
    for (std::int64_t i = 0; i < kH * kW * channels; ++i) {
      images.push_back(static_cast<double>(i * 89 % 256));
    }
    const Augmentation change = augmentation(rule, key, 0, kH, kW);
    const Colors colors{change.color.brightness / 65536.0, change.color.contrast / 65536.0,
                        channels == 3 ? change.color.saturation / 65536.0 : 1.0,
                        channels == 3 ? change.color.hue / 65536.0 : 0.0};
    Tensor batch = garbage(Shape{1, kH, kW, channels}, DType::f32), labels = garbage(Shape{1}, DType::i32);
    run<kernels::GatherBatch>(tensor(Shape{1, kH, kW, channels}, DType::u8, images), tensor(Shape{1}, DType::i32, {8}),
                              tensor(Shape{1}, DType::i32, {0}), step_tensor(*stream_, {.random = random}),
                              BatchRule{rule}, batch, labels);
    const Values got = values(batch);
    for (std::int64_t i = 0; i < kH * kW; ++i) {
      const std::int64_t y = i / kW, x = i % kW, column = change.flip ? kW - 1 - x : x;
      std::array<double, 3> rgb{};
      for (std::int64_t c = 0; c < 3; ++c) {  // a channel alone is a grey
        const std::int64_t of = channels == 3 ? c : 0;
        rgb[static_cast<std::size_t>(c)] = images[static_cast<std::size_t>((y * kW + column) * channels + of)];
      }
      for (std::int64_t c = 0; c < channels; ++c) {
        if (channels == 2) {
          rgb.fill(images[static_cast<std::size_t>((y * kW + column) * channels + c)]);
        }
        const double level = recolored(colors, rgb)[static_cast<std::size_t>(channels == 3 ? c : 0)];
        const bool cut = change.is_cut(static_cast<std::int32_t>(y), static_cast<std::int32_t>(x));
        ASSERT_NEAR(got[static_cast<std::size_t>(i * channels + c)], cut ? 0.0 : level / 127.5 - 1.0,
                    kColorTolerance / 127.5)
            << channels << " channels, pixel " << y << ", " << x;
      }
    }
  }
}

TEST_F(OptimKernel, GatherBatchNamesABadIndex) {
  Tensor batch = garbage(Shape{1, 1, 1, 1}, DType::f32);
  Tensor labels = garbage(Shape{1}, DType::i32);
  try {
    run<kernels::GatherBatch>(tensor(Shape{2, 1, 1, 1}, DType::u8, {1, 2}), tensor(Shape{2}, DType::i32, {0, 1}),
                              tensor(Shape{1}, DType::i32, {2}), Tensor(), BatchRule{}, batch, labels);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "[gather_batch] cpu: order[0] is 2, expected 0 <= value < 2");
  }
}

}  // namespace
}  // namespace bnas::test
