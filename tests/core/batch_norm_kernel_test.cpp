// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "bnas/core/kernels/norm.hpp"
#include "kernel_support.hpp"

namespace bnas::test {
namespace {

constexpr float kEps = 1e-5F;
constexpr DType kNumbers[] = {DType::f32, DType::i32, DType::i16, DType::i8};

class BatchNormKernel : public CpuKernelTest {
 protected:
  Tensor none;  // an output that is not wanted

  /// Mean and biased variance per channel, by deviations from the mean in long double.
  static void expect_moments(const Values& x, std::size_t c, const Tensor& mean, const Tensor& variance) {
    const std::size_t rows = x.size() / c;
    for (std::size_t k = 0; k < c; ++k) {
      long double sum = 0;
      for (std::size_t r = 0; r < rows; ++r) {
        sum += x[r * c + k];
      }
      const long double mu = sum / static_cast<long double>(rows);
      long double squares = 0;
      for (std::size_t r = 0; r < rows; ++r) {
        squares += (x[r * c + k] - mu) * (x[r * c + k] - mu);
      }
      const auto var = static_cast<double>(squares / static_cast<long double>(rows));
      ASSERT_NEAR(values(mean)[k], static_cast<double>(mu), 1e-7 * std::max(1.0, std::abs(static_cast<double>(mu))));
      ASSERT_NEAR(values(variance)[k], var, 1e-7 * std::max(1.0, var));
    }
  }

  Values input(std::int64_t n, DType dtype, std::uint64_t site) {
    return dtype == DType::f32 ? random(n, site) : random_integers(n, site, 90);
  }
};

TEST_F(BatchNormKernel, StatsOfEveryTypeAndTheSameBitsOnEveryTarget) {
  for (const DType dtype : kNumbers) {
    for (const std::int64_t c : kChannels) {
      const Shape shape{37, c};
      const Values x = input(shape.numel(), dtype, 1);
      Values first_mean, first_variance;
      for_each_target([&] {
        Tensor mean = garbage(Shape{c}, DType::f32);
        Tensor variance = garbage(Shape{c}, DType::f32);
        run<kernels::BatchNormStats>(tensor(shape, dtype, x), mean, variance, 0.0F, none, none);
        expect_moments(x, static_cast<std::size_t>(c), mean, variance);
        if (first_mean.empty()) {
          first_mean = values(mean);
          first_variance = values(variance);
        }
        expect_equal(values(mean), first_mean);
        expect_equal(values(variance), first_variance);
      });
    }
  }
}

TEST_F(BatchNormKernel, IntegerSumsAreExactAtTheEndsOfTheRange) {
  for_each_target([&] {
    // 70,000 squares of 32767 need 47 bits; one value differs by 1, which float or 32-bit sums would lose.
    const std::int64_t rows = 70000;
    Values x(static_cast<std::size_t>(rows), -32767.0);
    x[12345] = -32766.0;
    Tensor mean = garbage(Shape{1}, DType::f32);
    Tensor variance = garbage(Shape{1}, DType::f32);
    run<kernels::BatchNormStats>(tensor(Shape{rows, 1}, DType::i16, x), mean, variance, 0.0F, none, none);
    expect_moments(x, 1, mean, variance);

    const Values big = {1000000.0, 1000001.0, 1000002.0, 999999.0};  // i32: squares beyond 32 bits
    run<kernels::BatchNormStats>(tensor(Shape{4, 1}, DType::i32, big), mean, variance, 0.0F, none, none);
    EXPECT_EQ(values(mean)[0], static_cast<double>(1000000.5F));
    EXPECT_EQ(values(variance)[0], 1.25);

    run<kernels::BatchNormStats>(tensor(Shape{3, 1}, DType::i8, {-128.0, -128.0, -128.0}), mean, variance, 0.0F, none,
                                 none);
    EXPECT_EQ(values(mean)[0], -128.0);
    EXPECT_EQ(values(variance)[0], 0.0);
  });
}

TEST_F(BatchNormKernel, ConstantFloatsHaveNoNegativeVariance) {
  for_each_target([&] {
    Tensor mean = garbage(Shape{1}, DType::f32);
    Tensor variance = garbage(Shape{1}, DType::f32);
    run<kernels::BatchNormStats>(tensor(Shape{49, 1}, DType::f32, Values(49, static_cast<double>(0.1F))), mean,
                                 variance, 0.0F, none, none);
    EXPECT_EQ(values(mean)[0], static_cast<double>(0.1F));
    EXPECT_GE(values(variance)[0], 0.0);
    EXPECT_LE(values(variance)[0], 1e-16);
    run<kernels::BatchNormStats>(garbage(Shape{4, 1}, DType::f32), mean, variance, 0.0F, none, none);
    EXPECT_TRUE(std::isnan(values(variance)[0]));
  });
}

TEST_F(BatchNormKernel, RunningStatisticsMoveTowardsTheUnbiasedBatch) {
  Tensor mean = garbage(Shape{2}, DType::f32);
  Tensor variance = garbage(Shape{2}, DType::f32);
  // Means 0.5 and -1, biased variances 0.25 and 4, over four rows.
  const Tensor x = tensor(Shape{4, 2}, DType::i8, {0, 1, 1, -3, 0, -3, 1, 1});
  Tensor running_mean = tensor(Shape{2}, DType::f32, {0.0, 1.0});
  Tensor running_variance = tensor(Shape{2}, DType::f32, {1.0, 1.0});
  run<kernels::BatchNormStats>(x, mean, variance, 0.75F, running_mean, running_variance);
  expect_equal(values(mean), {0.5, -1.0});
  expect_equal(values(variance), {0.25, 4.0});
  expect_equal(values(running_mean), {0.125, 0.5});
  const auto unbiased = [](float biased) { return 0.75F + 0.25F * (biased * static_cast<float>(4.0 / 3.0)); };
  expect_equal(values(running_variance), {unbiased(0.25F), unbiased(4.0F)});
  // One row has variance 0, biased or not.
  run<kernels::BatchNormStats>(tensor(Shape{1, 2}, DType::i8, {3, -4}), mean, variance, 0.0F, running_mean,
                               running_variance);
  expect_equal(values(running_mean), {3.0, -4.0});
  expect_equal(values(running_variance), {0.0, 0.0});
}

TEST_F(BatchNormKernel, ApplyIsTheAgreedFormAndSignItsSign) {
  for_each_target([&] {
    for (const DType dtype : kNumbers) {
      for (const std::int64_t c : kChannels) {
        const Shape shape{29, c};
        const Values x = input(shape.numel(), dtype, 2);
        const double spread = dtype == DType::f32 ? 1.0 : 50.0;
        const Values mean = random(c, 3, spread);
        Values variance = random(c, 4, spread * spread);
        const Values gamma = random(c, 5);
        Values beta = random(c, 6);
        beta[0] = 0.0;
        Values want(x.size()), signs(x.size()), inside(x.size());
        for (double& v : variance) {
          v = std::abs(v);
        }
        for (std::size_t i = 0; i < x.size(); ++i) {
          const std::size_t k = i % static_cast<std::size_t>(c);
          const auto rstd = static_cast<float>(1.0 / std::sqrt(variance[k] + static_cast<double>(kEps)));
          const float scale = static_cast<float>(gamma[k]) * rstd;
          want[i] =
              std::fma(static_cast<float>(x[i]) - static_cast<float>(mean[k]), scale, static_cast<float>(beta[k]));
          signs[i] = want[i] < 0 ? -1 : 1;
          inside[i] = std::abs(want[i]) <= 1 ? -1 : 1;
        }
        const Tensor tx = tensor(shape, dtype, x);
        const Tensor tm = tensor(Shape{c}, DType::f32, mean);
        const Tensor tv = tensor(Shape{c}, DType::f32, variance);
        const Tensor tg = tensor(Shape{c}, DType::f32, gamma);
        const Tensor tb = tensor(Shape{c}, DType::f32, beta);
        Tensor y = garbage(shape, DType::f32);
        NormStatistics known{tm, tv};
        run<kernels::BatchNormApply>(tx, known, tg, tb, kEps, y);
        expect_equal(values(y), want);
        Tensor bits = garbage(shape, DType::bit);
        Tensor mask = garbage(shape, DType::bit);
        run<kernels::BatchNormSign>(tx, known, tg, tb, kEps, bits, mask);
        expect_equal(values(bits), signs);
        expect_equal(values(mask), inside);
        Tensor alone = garbage(shape, DType::bit);
        run<kernels::BatchNormSign>(tx, known, tg, tb, kEps, alone, none);
        expect_equal(values(alone), signs);
      }
    }
  });
}

// The sums from plain loops; what follows from them is what BatchNormStats and the kernel give one after the other.
TEST_F(BatchNormKernel, FromSumsEqualsStatisticsFirst) {
  for (const DType dtype : {DType::i8, DType::i16, DType::i32}) {
    for (const std::int64_t c : {std::int64_t{1}, std::int64_t{17}, std::int64_t{33}}) {
      const Shape shape{21, c}, channels{c};
      const Values x = input(shape.numel(), dtype, 18);
      std::vector<std::int64_t> sums(static_cast<std::size_t>(2 * c));
      for (std::size_t i = 0; i < x.size(); ++i) {
        const auto value = static_cast<std::int64_t>(x[i]);
        sums[i % static_cast<std::size_t>(c)] += value;
        sums[static_cast<std::size_t>(c) + i % static_cast<std::size_t>(c)] += value * value;
      }
      const Tensor tx = tensor(shape, dtype, x);
      const Tensor gamma = tensor(channels, DType::f32, random(c, 19)),
                   beta = tensor(channels, DType::f32, random(c, 20));
      const auto normalize = [&](bool from_sums) {
        NormStatistics statistics{garbage(channels, DType::f32), garbage(channels, DType::f32)};
        Tensor running_mean = tensor(channels, DType::f32, Values(static_cast<std::size_t>(c), 0.5));
        Tensor running_variance = tensor(channels, DType::f32, Values(static_cast<std::size_t>(c), 2.0));
        if (from_sums) {
          statistics.sums = Tensor(stream(), sums_shape(c), DType::u8);
          std::memcpy(statistics.sums.raw(), sums.data(), statistics.sums.bytes());
          statistics.momentum = 0.75F;
          statistics.running_mean = running_mean;
          statistics.running_variance = running_variance;
        } else {
          run<kernels::BatchNormStats>(tx, statistics.mean, statistics.variance, 0.75F, running_mean, running_variance);
        }
        Tensor y = garbage(shape, DType::f32);
        run<kernels::BatchNormApply>(tx, statistics, gamma, beta, kEps, y);
        return std::vector{values(y), values(statistics.mean), values(statistics.variance), values(running_mean),
                           values(running_variance)};
      };
      for_each_target([&] { EXPECT_EQ(normalize(true), normalize(false)); });
    }
  }
}

TEST_F(BatchNormKernel, ApplyToManyChannels) {
  // Beyond the length up to which rows are joined into whole vectors.
  const std::int64_t c = 4099;
  const Values x = random(2 * c, 7);
  Tensor zero = tensor(Shape{c}, DType::f32, Values(static_cast<std::size_t>(c), 0.0));
  Tensor one = tensor(Shape{c}, DType::f32, Values(static_cast<std::size_t>(c), 1.0));
  const Values beta = random(c, 8);
  Values want(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    want[i] = static_cast<float>(x[i]) + static_cast<float>(beta[i % beta.size()]);
  }
  for_each_target([&] {
    Tensor y = garbage(Shape{2, c}, DType::f32);
    NormStatistics known{zero, one};
    run<kernels::BatchNormApply>(tensor(Shape{2, c}, DType::f32, x), known, one, tensor(Shape{c}, DType::f32, beta),
                                 0.0F, y);
    expect_equal(values(y), want);
  });
}

/// The gradient by the formula in double; `want_dx` etc. are sized by the caller's shape.
struct Gradient {
  Values dx, dgamma, dbeta;
};

Gradient oracle(const Values& dy, const Values& mask, const Values& x, const Values& mean, const Values& variance,
                const Values& gamma, bool frozen) {
  const std::size_t c = mean.size();
  const std::size_t rows = x.size() / c;
  Gradient g{Values(x.size()), Values(c), Values(c)};
  const auto upstream = [&](std::size_t i) { return mask.empty() || mask[i] < 0 ? dy[i] : 0.0; };
  const auto rstd = [&](std::size_t k) { return 1.0 / std::sqrt(variance[k] + static_cast<double>(kEps)); };
  const auto xhat = [&](std::size_t i) { return (x[i] - mean[i % c]) * rstd(i % c); };
  for (std::size_t i = 0; i < x.size(); ++i) {
    g.dbeta[i % c] += upstream(i);
    g.dgamma[i % c] += upstream(i) * xhat(i);
  }
  const auto n = static_cast<double>(rows);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t k = i % c;
    const double centered = frozen ? upstream(i) : upstream(i) - g.dbeta[k] / n - xhat(i) * g.dgamma[k] / n;
    g.dx[i] = gamma[k] * rstd(k) * centered;
  }
  return g;
}

TEST_F(BatchNormKernel, BackwardIsTheFormula) {
  for (const DType dtype : kNumbers) {
    for (const std::int64_t c : kChannels) {
      const Shape shape{35, c};  // two blocks of 16 rows and a rest
      const Values x = input(shape.numel(), dtype, 9);
      const double spread = dtype == DType::f32 ? 1.0 : 50.0;
      const Values mean = random(c, 10, 0.2 * spread);
      const Values variance(static_cast<std::size_t>(c), spread * spread);
      const Values gamma = random(c, 11);
      const Values dy = random(shape.numel(), 12);
      const Values mask = random(shape.numel(), 13);
      for (const bool frozen : {false, true}) {
        for (const bool masked : {false, true}) {
          const Gradient want = oracle(dy, masked ? mask : Values{}, x, mean, variance, gamma, frozen);
          Values first;
          for_each_target([&] {
            Tensor dx = garbage(shape, DType::f32);
            Tensor dgamma = garbage(Shape{c}, DType::f32);
            Tensor dbeta = tensor(Shape{c}, DType::f32, Values(static_cast<std::size_t>(c), 100.0));
            run<kernels::BatchNormBackward>(
                GradColumns{tensor(shape, DType::f32, dy)}, masked ? tensor(shape, DType::bit, mask) : Tensor{},
                tensor(shape, dtype, x), tensor(Shape{c}, DType::f32, mean), tensor(Shape{c}, DType::f32, variance),
                tensor(Shape{c}, DType::f32, gamma), kEps, frozen, dx, GradMode::overwrite, dgamma, GradMode::overwrite,
                dbeta, GradMode::accumulate);
            expect_near(values(dx), want.dx, 2e-6);
            expect_near(values(dgamma), want.dgamma, 5e-6);
            Values added = want.dbeta;
            for (double& v : added) {
              v += 100.0;
            }
            expect_near(values(dbeta), added, 1e-6);
            if (first.empty()) {
              first = values(dx);
            }
            expect_equal(values(dx), first);  // every target gives the same bits
          });
        }
      }
    }
  }
}

TEST_F(BatchNormKernel, BackwardReadsColumnsOfAWiderGradientWithTheSameBits) {
  const std::int64_t rows = 35, c = 33, wide = 40, begin = 5;
  const Shape shape{rows, c};
  const Values x = random(shape.numel(), 16), dy = random(shape.numel(), 17);
  const Values ones(static_cast<std::size_t>(c), 1.0);
  Values around(static_cast<std::size_t>(rows * wide), std::numeric_limits<double>::quiet_NaN());
  for (std::int64_t i = 0; i < rows * c; ++i) {
    around[static_cast<std::size_t>(i / c * wide + begin + i % c)] = dy[static_cast<std::size_t>(i)];
  }
  const auto backward = [&](const GradColumns& columns) {
    Tensor dx = garbage(shape, DType::f32), dgamma = garbage(Shape{c}, DType::f32);
    run<kernels::BatchNormBackward>(columns, Tensor{}, tensor(shape, DType::f32, x), tensor(Shape{c}, DType::f32, ones),
                                    tensor(Shape{c}, DType::f32, ones), tensor(Shape{c}, DType::f32, ones), kEps, false,
                                    dx, GradMode::overwrite, dgamma, GradMode::overwrite, none, GradMode::overwrite);
    return std::pair(values(dx), values(dgamma));
  };
  for_each_target([&] {
    const auto want = backward({tensor(shape, DType::f32, dy)});
    const Tensor all = tensor(Shape{rows, wide}, DType::f32, around);
    EXPECT_EQ(backward({all, begin}), want);
    EXPECT_THROW(backward({all, wide - c + 1}), Error);
  });
}

TEST_F(BatchNormKernel, BackwardAddsToTheInputGradientAndSkipsWhatIsNotWanted) {
  const Shape shape{9, 17};
  const Values x = random(shape.numel(), 14);
  const Values dy = random(shape.numel(), 15);
  const Values mean(17, 0.25), variance(17, 0.5), gamma(17, -1.5);
  const Gradient want = oracle(dy, {}, x, mean, variance, gamma, false);
  const auto backward = [&](Tensor& dx, Tensor& dgamma, Tensor& dbeta) {
    run<kernels::BatchNormBackward>(GradColumns{tensor(shape, DType::f32, dy)}, Tensor{}, tensor(shape, DType::f32, x),
                                    tensor(Shape{17}, DType::f32, mean), tensor(Shape{17}, DType::f32, variance),
                                    tensor(Shape{17}, DType::f32, gamma), kEps, false, dx, GradMode::accumulate, dgamma,
                                    GradMode::overwrite, dbeta, GradMode::overwrite);
  };
  Tensor dgamma = garbage(Shape{17}, DType::f32);
  Tensor dbeta = garbage(Shape{17}, DType::f32);
  backward(none, dgamma, dbeta);
  expect_near(values(dgamma), want.dgamma, 1e-6);
  expect_near(values(dbeta), want.dbeta, 1e-6);
  Tensor dx = tensor(shape, DType::f32, Values(want.dx.size(), 3.0));
  backward(dx, none, none);
  Values added = want.dx;
  for (double& v : added) {
    v += 3.0;
  }
  expect_near(values(dx), added, 1e-6);
}

}  // namespace
}  // namespace bnas::test
