// SPDX-License-Identifier: Apache-2.0
// Forward batch norm: integers and signs must be equal, not close.
#include "bnas/cuda/batch_norm.hpp"

#include <gtest/gtest.h>

#include "cuda/support/bits.hpp"
#include "cuda/support/device_buffer.hpp"
#include "cuda/support/norm_oracle.hpp"
#include "cuda/support/scratch_memory.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared =
    testing_support::declare_oracle("BatchNorm", "formula in double, rounded once; signs equal") &&
    testing_support::declare_oracle("BatchNormForward", "formula in double, rounded once; signs equal");

constexpr float kEps = 1e-5F;
constexpr float kMomentum = 0.75F;

struct Size {
  int rows, channels;
};
// One value; fewer channels than a quad; a word and its neighbours; several tiles of 128 channels, the last one partly
// filled, without a whole quad and with; one row; more rows than a block has lanes.
const Size kSizes[] = {{1, 1}, {7, 3}, {3, 16}, {67, 31}, {67, 32}, {67, 33}, {1, 130}, {9, 260}, {600, 4}, {301, 1}};
// A few values a block, so that small matrices have several slices of rows.
constexpr BatchNormPolicy kManySlices{.sum_values = 64, .sum_blocks = 13, .map_values = 64, .map_blocks = 19};
const BatchNormPolicy kPolicies[] = {{}, kManySlices};

template <class T>
class BatchNorm : public testing::Test {
 protected:
  TestStream stream_;

  struct Problem {
    std::vector<T> x;
    HostMoments moments;
    std::vector<float> gamma, beta, y;
    DeviceBuffer<T> device_x;
    DeviceBuffer<float> device_gamma, device_beta;
    Size size;

    Problem(const Size& s, std::uint64_t site)
        : x(norm_input<T>(static_cast<std::size_t>(s.rows) * static_cast<std::size_t>(s.channels), site)),
          moments(moments_oracle(x, static_cast<std::size_t>(s.channels))),
          gamma(random_floats(static_cast<std::size_t>(s.channels), site + 1)),
          beta(random_floats(static_cast<std::size_t>(s.channels), site + 2)),
          y(norm_oracle(x, moments, gamma, beta, kEps)),
          device_x(DeviceBuffer<T>::input(x)),
          device_gamma(DeviceBuffer<float>::input(gamma)),
          device_beta(DeviceBuffer<float>::input(beta)),
          size(s) {}

    NormInput input() const { return {device_x.data(), number_type<T>(), size.rows, size.channels}; }
    NormScale scale() const { return {device_gamma.data(), device_beta.data(), kEps}; }
    std::size_t words() const {
      return static_cast<std::size_t>(size.rows) * static_cast<std::size_t>(words_for(size.channels));
    }
  };

  /// Sign and mask bits of y: channels that do not exist are positive, and 0 bits in both.
  static std::vector<Word> mask_of(const std::vector<float>& y, int channels) {
    std::vector<float> inside(y.size());
    for (std::size_t i = 0; i < y.size(); ++i) {
      inside[i] = std::fabs(y[i]) <= 1.0F ? -1.0F : 1.0F;  // pack() makes 1 bits of negative values
    }
    return pack(inside, channels);
  }
};

using Numbers = testing::Types<float, std::int8_t, std::int16_t, std::int32_t>;
TYPED_TEST_SUITE(BatchNorm, Numbers);

TYPED_TEST(BatchNorm, StatsAreTheMomentsAndMoveTheRunningOnes) {
  for (const BatchNormPolicy& policy : kPolicies) {
    for (const Size& size : kSizes) {
      const typename TestFixture::Problem p(size, 1);
      const auto channels = static_cast<std::size_t>(size.channels);
      const auto mean = DeviceBuffer<float>::output(channels);
      const auto variance = DeviceBuffer<float>::output(channels);
      auto running_mean = DeviceBuffer<float>::output(channels);
      auto running_variance = DeviceBuffer<float>::output(channels);
      const std::vector<float> old_mean = random_floats(channels, 4), old_variance = random_floats(channels, 5);
      running_mean.upload(old_mean);
      running_variance.upload(old_variance);
      const ScratchMemory scratch(batch_norm_stats_workspace_bytes(p.input(), policy));
      require_ok(batch_norm_stats(
          p.input(), {mean.data(), variance.data(), kMomentum, running_mean.data(), running_variance.data()},
          scratch.get(), this->stream_.get(), policy));
      this->stream_.synchronize();
      EXPECT_TRUE(scratch.is_as_promised());
      const std::vector<float> got_mean = mean.download(), got_variance = variance.download();
      const std::vector<float> moved_mean = running_mean.download(), moved_variance = running_variance.download();
      for (std::size_t c = 0; c < channels; ++c) {
        if constexpr (std::is_same_v<TypeParam, float>) {  // sums of doubles in another order
          EXPECT_NEAR(got_mean[c], p.moments.mean[c], 2e-7F);
          EXPECT_NEAR(got_variance[c], p.moments.variance[c], 2e-7F);
        } else {
          EXPECT_EQ(got_mean[c], p.moments.mean[c]) << size.rows << "x" << size.channels << ", channel " << c;
          EXPECT_EQ(got_variance[c], p.moments.variance[c]);
        }
        const auto n = static_cast<double>(size.rows);
        const float unbiased = got_variance[c] * (size.rows > 1 ? static_cast<float>(n / (n - 1.0)) : 1.0F);
        EXPECT_EQ(moved_mean[c], kMomentum * old_mean[c] + (1.0F - kMomentum) * got_mean[c]);
        EXPECT_EQ(moved_variance[c], kMomentum * old_variance[c] + (1.0F - kMomentum) * unbiased);
      }
    }
  }
}

TYPED_TEST(BatchNorm, ApplyIsTheAgreedFormAndSignItsSign) {
  for (const BatchNormPolicy& policy : kPolicies) {
    for (const Size& size : kSizes) {
      const typename TestFixture::Problem p(size, 6);
      const auto mean = DeviceBuffer<float>::input(p.moments.mean);
      const auto variance = DeviceBuffer<float>::input(p.moments.variance);
      const auto y = DeviceBuffer<float>::output(p.y.size());
      const auto bits = DeviceBuffer<Word>::output(p.words());
      const auto mask = DeviceBuffer<Word>::output(p.words());
      const auto alone = DeviceBuffer<Word>::output(p.words());
      const KnownMoments moments{mean.data(), variance.data()};
      cudaStream_t s = this->stream_.get();
      require_ok(batch_norm_apply(p.input(), moments, p.scale(), y.data(), s, policy));
      require_ok(batch_norm_sign(p.input(), moments, p.scale(), bits.data(), mask.data(), s, policy));
      require_ok(batch_norm_sign(p.input(), moments, p.scale(), alone.data(), nullptr, s, policy));
      this->stream_.synchronize();
      EXPECT_EQ(y.download(), p.y) << size.rows << "x" << size.channels;
      EXPECT_EQ(bits.download(), pack(p.y, size.channels)) << size.rows << "x" << size.channels;
      EXPECT_EQ(mask.download(), this->mask_of(p.y, size.channels)) << size.rows << "x" << size.channels;
      EXPECT_EQ(alone.download(), pack(p.y, size.channels));
    }
  }
}

TYPED_TEST(BatchNorm, FromSumsInOneLaunch) {
  if constexpr (!std::is_same_v<TypeParam, float>) {
    for (const BatchNormPolicy& policy : kPolicies) {
      for (const Size& size : kSizes) {
        const typename TestFixture::Problem p(size, 9);
        const auto channels = static_cast<std::size_t>(size.channels);
        const auto sums = DeviceBuffer<std::int64_t>::input(p.moments.sums);
        for (const int function : {0, 1, 2}) {
          const auto mean = DeviceBuffer<float>::output(channels);
          const auto variance = DeviceBuffer<float>::output(channels);
          auto running_mean = DeviceBuffer<float>::output(channels);
          auto running_variance = DeviceBuffer<float>::output(channels);
          running_mean.upload(std::vector<float>(channels, 0.0F));
          running_variance.upload(std::vector<float>(channels, 1.0F));
          const auto y = DeviceBuffer<float>::output(p.y.size());
          const auto bits = DeviceBuffer<Word>::output(p.words());
          const auto mask = DeviceBuffer<Word>::output(p.words());
          const BatchSums from{sums.data(),
                               {mean.data(), variance.data(), 0.5F, running_mean.data(), running_variance.data()}};
          cudaStream_t s = this->stream_.get();
          if (function == 0) {
            require_ok(batch_norm_moments(from, size.rows, size.channels, s));
          } else if (function == 1) {
            require_ok(batch_norm_apply(p.input(), from, p.scale(), y.data(), s, policy));
          } else {
            require_ok(batch_norm_sign(p.input(), from, p.scale(), bits.data(), mask.data(), s, policy));
          }
          this->stream_.synchronize();
          EXPECT_EQ(mean.download(), p.moments.mean);
          EXPECT_EQ(variance.download(), p.moments.variance);
          const std::vector<float> moved = running_mean.download();
          for (std::size_t c = 0; c < channels; ++c) {
            EXPECT_EQ(moved[c], 0.5F * p.moments.mean[c]);  // once, whatever the number of blocks
          }
          if (function == 1) {
            EXPECT_EQ(y.download(), p.y);
          } else if (function == 2) {
            EXPECT_EQ(bits.download(), pack(p.y, size.channels));
            EXPECT_EQ(mask.download(), this->mask_of(p.y, size.channels));
          }
        }
      }
    }
  }
}

TEST(BatchNormForward, IntegerSumsAreExactAtTheEndsOfTheRange) {
  const TestStream stream;
  // 70,000 squares of 32767 need 47 bits; one value differs by 1, which float or 32-bit sums would lose.
  std::vector<std::int16_t> x(70000, -32767);
  x[12345] = -32766;
  const HostMoments want = moments_oracle(x, 1);
  const auto device_x = DeviceBuffer<std::int16_t>::input(x);
  const auto mean = DeviceBuffer<float>::output(1);
  const auto variance = DeviceBuffer<float>::output(1);
  const NormInput input{device_x.data(), NumberType::i16, 70000, 1};
  const ScratchMemory scratch(batch_norm_stats_workspace_bytes(input));
  require_ok(batch_norm_stats(input, {mean.data(), variance.data()}, scratch.get(), stream.get()));
  stream.synchronize();
  EXPECT_EQ(mean.download(), want.mean);
  EXPECT_EQ(variance.download(), want.variance);
}

TEST(BatchNormForward, DivergedInputsShow) {
  const TestStream stream;
  const auto x = DeviceBuffer<float>::input({1.0F, NAN, 2.0F, 3.0F});  // two rows, two channels
  const auto mean = DeviceBuffer<float>::output(2);
  const auto variance = DeviceBuffer<float>::output(2);
  require_ok(batch_norm_stats({x.data(), NumberType::f32, 2, 2}, {mean.data(), variance.data()}, {}, stream.get()));
  stream.synchronize();
  EXPECT_EQ(mean.download()[0], 1.5F);
  EXPECT_TRUE(std::isnan(mean.download()[1]));
  EXPECT_TRUE(std::isnan(variance.download()[1]));
}

TEST(BatchNormForward, RunsInAGraph) {
  const TestStream stream;
  const std::vector<std::int16_t> x = norm_input<std::int16_t>(50 * 40, 12);
  const HostMoments moments = moments_oracle(x, 40);
  const std::vector<float> gamma = random_floats(40, 13), beta = random_floats(40, 14);
  const auto device_x = DeviceBuffer<std::int16_t>::input(x);
  const auto device_gamma = DeviceBuffer<float>::input(gamma);
  const auto device_beta = DeviceBuffer<float>::input(beta);
  const auto mean = DeviceBuffer<float>::output(40);
  const auto variance = DeviceBuffer<float>::output(40);
  const auto bits = DeviceBuffer<Word>::output(100);
  const NormInput input{device_x.data(), NumberType::i16, 50, 40};
  const ScratchMemory scratch(batch_norm_stats_workspace_bytes(input, kManySlices));
  capture_and_replay(stream, 2, [&](cudaStream_t s) {
    const Status stats = batch_norm_stats(input, {mean.data(), variance.data()}, scratch.get(), s, kManySlices);
    return stats.ok() ? batch_norm_sign(input, KnownMoments{mean.data(), variance.data()},
                                        {device_gamma.data(), device_beta.data(), kEps}, bits.data(), nullptr, s)
                      : stats;
  });
  EXPECT_EQ(mean.download(), moments.mean);
  EXPECT_EQ(bits.download(), pack(norm_oracle(x, moments, gamma, beta, kEps), 40));
  EXPECT_TRUE(scratch.is_as_promised());
}

TEST(BatchNormForward, RefusesWhatItCannotDo) {
  const TestStream stream;
  const auto memory = DeviceBuffer<float>::output(8);
  const BatchMoments moments{memory.data(), memory.data() + 4};
  const NormInput x{memory.data(), NumberType::f32, 2, 4};
  EXPECT_EQ(batch_norm_stats({nullptr, NumberType::f32, 2, 4}, moments, {}, stream.get()).code,
            StatusCode::invalid_argument);
  EXPECT_EQ(batch_norm_stats({memory.data(), NumberType::f32, 0, 4}, moments, {}, stream.get()).code,
            StatusCode::invalid_argument);
  EXPECT_EQ(batch_norm_stats(x, {memory.data(), memory.data(), 0.0F, memory.data(), nullptr}, {}, stream.get()).code,
            StatusCode::invalid_argument);
  const NormInput large{memory.data(), NumberType::f32, 1 << 20, 4};
  const ScratchMemory scratch(16);
  EXPECT_EQ(batch_norm_stats(large, moments, scratch.get(), stream.get()).code, StatusCode::workspace_too_small);
  EXPECT_EQ(batch_norm_apply(x, KnownMoments{}, {memory.data(), memory.data(), kEps}, memory.data(), stream.get()).code,
            StatusCode::invalid_argument);
}

}  // namespace
}  // namespace bnas::cuda::test
