// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernels/elementwise.hpp"

#include <cmath>

#include "bnas/core/step_feed.hpp"
#include "kernel_support.hpp"

namespace bnas::test {
namespace {

class ElementwiseKernel : public CpuKernelTest {};

constexpr GradMode kModes[] = {GradMode::overwrite, GradMode::accumulate};

TEST_F(ElementwiseKernel, ToFloatReadsEveryType) {
  for_each_target([&] {
    for (const std::int64_t c : kChannels) {
      const Shape shape{3, c};
      const Values integers = random_integers(shape.numel(), 1, 127);
      for (const DType dtype : {DType::f32, DType::i32, DType::i16, DType::i8}) {
        Tensor y = garbage(shape, DType::f32);
        run<kernels::ToFloat>(tensor(shape, dtype, integers), y);
        expect_equal(values(y), integers);
      }
      Values bytes = integers;
      Values signs = integers;
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] += 127;  // 0..254
        signs[i] = integers[i] < 0 ? -1 : 1;
      }
      Tensor y = garbage(shape, DType::f32);
      run<kernels::ToFloat>(tensor(shape, DType::u8, bytes), y);
      expect_equal(values(y), bytes);
      y = garbage(shape, DType::f32);
      run<kernels::ToFloat>(tensor(shape, DType::bit, integers), y);
      expect_equal(values(y), signs);
    }
  });
}

TEST_F(ElementwiseKernel, FillAndCopyCoverEveryElementAndNoMore) {
  for_each_target([&] {
    for (const std::int64_t n : {1, 15, 16, 17, 33}) {
      Tensor y = tensor(Shape{64}, DType::f32, Values(64, 5.0));
      Tensor view = y.reshaped(Shape{64});
      Tensor part = garbage(Shape{n}, DType::f32);
      run<kernels::Fill>(part, 0.25F);
      expect_equal(values(part), Values(static_cast<std::size_t>(n), 0.25));
      run<kernels::Copy>(y, view);  // onto itself
      expect_equal(values(view), Values(64, 5.0));
      Tensor copy = garbage(Shape{n}, DType::f32);
      run<kernels::Copy>(part, copy);
      expect_equal(values(copy), values(part));
    }
  });
}

TEST_F(ElementwiseKernel, AddAndScaleAreTheFloatOperations) {
  for_each_target([&] {
    for (const std::int64_t n : {1, 16, 17, 67}) {
      const Values a = random(n, 1);
      const Values b = random(n, 2);
      Values sum(a.size()), scaled(a.size()), added(a.size());
      for (std::size_t i = 0; i < a.size(); ++i) {
        sum[i] = static_cast<float>(a[i]) + static_cast<float>(b[i]);
        const float product = 0.3F * static_cast<float>(a[i]);
        scaled[i] = product;
        added[i] = static_cast<float>(b[i]) + product;
      }
      const Tensor x = tensor(Shape{n}, DType::f32, a);
      Tensor y = tensor(Shape{n}, DType::f32, b);
      run<kernels::Scale>(x, 0.3F, y, GradMode::accumulate);
      expect_equal(values(y), added);
      y = garbage(Shape{n}, DType::f32);
      run<kernels::Scale>(x, 0.3F, y, GradMode::overwrite);
      expect_equal(values(y), scaled);
      y = tensor(Shape{n}, DType::f32, a);
      run<kernels::Add>(y, tensor(Shape{n}, DType::f32, b), y);
      expect_equal(values(y), sum);
    }
  });
}

TEST_F(ElementwiseKernel, SigmoidIsAccurateTo2e7AndSaturates) {
  Values x = random(500, 3, 20.0);
  x.insert(x.end(), {0.0, -0.0, 100.0, -100.0, 1e30, -1e30, 1e-20});
  const auto n = static_cast<std::int64_t>(x.size());
  Values want(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    want[i] = 1.0 / (1.0 + std::exp(-x[i]));
  }
  for_each_target([&] {
    Tensor y = garbage(Shape{n}, DType::f32);
    run<kernels::Sigmoid>(tensor(Shape{n}, DType::f32, x), y);
    expect_near(values(y), want, 2e-7);
    for (const GradMode mode : kModes) {
      const Values dy = random(n, 4);
      const Values before = random(n, 5);
      Values gradient(x.size());
      for (std::size_t i = 0; i < x.size(); ++i) {
        gradient[i] = dy[i] * want[i] * (1 - want[i]) + (mode == GradMode::accumulate ? before[i] : 0.0);
      }
      Tensor dx = mode == GradMode::accumulate ? tensor(Shape{n}, DType::f32, before) : garbage(Shape{n}, DType::f32);
      run<kernels::SigmoidBackward>(tensor(Shape{n}, DType::f32, dy), y, dx, mode);
      expect_near(values(dx), gradient, 1e-6);
    }
  });
}

TEST_F(ElementwiseKernel, ReluCutsBelowZeroAndShowsNaN) {
  for_each_target([&] {
    const std::int64_t n = 35;
    const Values x = random(n, 6);
    const Values dy = random(n, 7);
    Values want(x.size()), gradient(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      want[i] = x[i] > 0 ? x[i] : 0.0;
      gradient[i] = x[i] > 0 ? dy[i] : 0.0;
    }
    Tensor y = garbage(Shape{n}, DType::f32);
    run<kernels::Relu>(tensor(Shape{n}, DType::f32, x), y);
    expect_equal(values(y), want);
    Tensor dx = garbage(Shape{n}, DType::f32);
    run<kernels::ReluBackward>(tensor(Shape{n}, DType::f32, dy), y, dx, GradMode::overwrite);
    expect_equal(values(dx), gradient);
    run<kernels::Relu>(garbage(Shape{n}, DType::f32), y);
    EXPECT_TRUE(std::isnan(values(y)[0]));
  });
}

TEST_F(ElementwiseKernel, BiasAndItsGradientRunOverRows) {
  for_each_target([&] {
    for (const std::int64_t c : kChannels) {
      const Shape shape{5, c};
      const Values x = random(shape.numel(), 8);
      const Values bias = random(c, 9);
      Values want(x.size()), sums(bias.size()), accumulated(bias.size());
      for (std::size_t i = 0; i < x.size(); ++i) {
        const std::size_t at = i % bias.size();
        want[i] = static_cast<float>(x[i]) + static_cast<float>(bias[at]);
        sums[at] += x[i];
      }
      for (std::size_t i = 0; i < sums.size(); ++i) {
        accumulated[i] = bias[i] + sums[i];
      }
      const Tensor dy = tensor(shape, DType::f32, x);
      Tensor y = garbage(shape, DType::f32);
      run<kernels::AddBias>(dy, tensor(Shape{c}, DType::f32, bias), y);
      expect_equal(values(y), want);
      Tensor dbias = garbage(Shape{c}, DType::f32);
      run<kernels::SumRows>(dy, dbias, GradMode::overwrite);
      expect_near(values(dbias), sums, 1e-7);  // one rounding to float
      dbias = tensor(Shape{c}, DType::f32, bias);
      run<kernels::SumRows>(dy, dbias, GradMode::accumulate);
      expect_near(values(dbias), accumulated, 2e-7);  // two
    }
  });
}

TEST_F(ElementwiseKernel, ConcatChannelsShiftsBitsAndCopiesFloats) {
  const std::vector<std::vector<std::int64_t>> widths = {{16, 16},     {24, 24},    {32, 32}, {1, 31, 1},
                                                         {33, 65, 16}, {8, 24, 32}, {48},     {20, 20, 20, 20}};
  for_each_target([&] {
    for (const auto& parts : widths) {
      for (const DType dtype : {DType::f32, DType::bit}) {
        const std::int64_t rows = 6;
        std::int64_t total = 0;
        std::vector<Tensor> inputs;
        std::vector<Values> sources;
        for (const std::int64_t width : parts) {
          Values v = random(rows * width, static_cast<std::uint64_t>(100 + total));
          if (dtype == DType::bit) {
            for (double& value : v) {
              value = value < 0 ? -1 : 1;
            }
          }
          inputs.push_back(tensor(Shape{2, 3, width}, dtype, v));
          sources.push_back(v);
          total += width;
        }
        Values want;
        for (std::int64_t r = 0; r < rows; ++r) {
          for (std::size_t p = 0; p < parts.size(); ++p) {
            const auto begin = sources[p].begin() + r * parts[p];
            want.insert(want.end(), begin, begin + parts[p]);
          }
        }
        Tensor y = garbage(Shape{2, 3, total}, dtype);
        run<kernels::ConcatChannels>(inputs, y);
        expect_equal(values(y), want);

        std::int64_t begin = 0;
        for (std::size_t p = 0; p < parts.size() && dtype == DType::f32; ++p) {
          for (const GradMode mode : kModes) {
            Tensor dx = mode == GradMode::overwrite ? garbage(Shape{2, 3, parts[p]}, DType::f32)
                                                    : tensor(Shape{2, 3, parts[p]}, DType::f32, sources[p]);
            run<kernels::SliceChannels>(y, begin, dx, mode);
            Values slice = sources[p];
            for (double& value : slice) {
              value *= mode == GradMode::overwrite ? 1 : 2;
            }
            expect_equal(values(dx), slice);
          }
          begin += parts[p];
        }
      }
    }
  });
}

TEST_F(ElementwiseKernel, MisfitsNameOperationArgumentAndShapes) {
  const Tensor a = tensor(Shape{2, 3}, DType::f32, Values(6));
  Tensor y = garbage(Shape{2, 4}, DType::f32);
  try {
    run<kernels::Add>(a, a, y);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    EXPECT_STREQ(error.what(), "[add] cpu: y is f32 (2, 4), expected f32 (2, 3)");
  }
  EXPECT_THROW(run<kernels::SliceChannels>(a, 1, y, GradMode::overwrite), Error);
  EXPECT_THROW(run<kernels::ConcatChannels>(std::vector<Tensor>{a, a}, y), Error);
}

TEST_F(ElementwiseKernel, DropoutKeepsWhereTheUniformNumberReachesTheRate) {
  for_each_target([&] {
    for (const std::int64_t n : {1, 63, 64, 65, 200}) {  // numbers are made 64 at a time
      const StepValues step{.random = {3, 11, RandomPurpose::init}};
      RandomKey key = step.random.derive(2);
      key.purpose = RandomPurpose::dropout;
      const Values x = random(n, 10);
      const Values before = random(n, 11);
      for (const GradMode mode : kModes) {
        Values want(x.size());
        for (std::size_t i = 0; i < x.size(); ++i) {
          const float kept = key.uniform(i) >= 0.4F ? static_cast<float>(x[i]) * 1.5F : 0.0F;
          want[i] = mode == GradMode::accumulate ? static_cast<float>(before[i]) + kept : kept;
        }
        Tensor y = mode == GradMode::accumulate ? tensor(Shape{n}, DType::f32, before) : garbage(Shape{n}, DType::f32);
        run<kernels::Dropout>(tensor(Shape{n}, DType::f32, x), step_tensor(*stream_, step), std::uint64_t{2}, 0.4F,
                              1.5F, y, mode);
        expect_equal(values(y), want);
      }
    }
  });
}

}  // namespace
}  // namespace bnas::test
