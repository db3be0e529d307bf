// SPDX-License-Identifier: Apache-2.0
// Gradients of batch norm against the formula in double.
#include <gtest/gtest.h>

#include "bnas/cuda/batch_norm.hpp"
#include "cuda/support/bits.hpp"
#include "cuda/support/device_buffer.hpp"
#include "cuda/support/norm_oracle.hpp"
#include "cuda/support/scratch_memory.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("BatchNormBackwardTest", "formula in double");

constexpr float kEps = 1e-5F;

struct Gradients {
  std::vector<double> dx, dgamma, dbeta;
};

/// dy' = dy where `mask` is negative (empty: everywhere); xhat = (x - mean) / std; sums over n rows.
template <class T>
Gradients gradient_oracle(const std::vector<T>& x, const std::vector<float>& dy, const std::vector<float>& mask,
                          const HostMoments& moments, const std::vector<float>& gamma, bool frozen) {
  const std::size_t channels = gamma.size();
  Gradients g{std::vector<double>(x.size()), std::vector<double>(channels), std::vector<double>(channels)};
  const auto upstream = [&](std::size_t i) { return mask.empty() || mask[i] < 0.0F ? double{dy[i]} : 0.0; };
  const auto rstd = [&](std::size_t c) { return 1.0 / std::sqrt(double{moments.variance[c]} + double{kEps}); };
  const auto xhat = [&](std::size_t i) {
    return (static_cast<double>(x[i]) - double{moments.mean[i % channels]}) * rstd(i % channels);
  };
  for (std::size_t i = 0; i < x.size(); ++i) {
    g.dbeta[i % channels] += upstream(i);
    g.dgamma[i % channels] += upstream(i) * xhat(i);
  }
  const auto n = static_cast<double>(x.size() / channels);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t c = i % channels;
    const double centered = upstream(i) - (frozen ? 0.0 : g.dbeta[c] / n + xhat(i) * g.dgamma[c] / n);
    g.dx[i] = double{gamma[c]} * rstd(c) * centered;
  }
  return g;
}

/// Differences relative to the largest value expected: a few roundings of float, and of sums of up to 32 in float.
void expect_near(const std::vector<float>& got, const std::vector<double>& want, double added) {
  double largest = 1e-3;
  for (const double w : want) {
    largest = std::max(largest, std::fabs(w + added));
  }
  for (std::size_t i = 0; i < want.size(); ++i) {
    ASSERT_NEAR(double{got[i]}, want[i] + added, 4e-6 * largest) << "element " << i;
  }
}

struct Size {
  int rows, channels;
};
// One channel; less than a quad; a word and its neighbours; several tiles; more rows than a chain of 32 for each lane.
const Size kSizes[] = {{5, 1}, {40, 3}, {67, 31}, {67, 32}, {35, 33}, {9, 260}, {1300, 4}};
// One launch with narrow tiles; two launches with slices of rows; one launch with wide tiles.
constexpr BatchNormPolicy kManySlices{
    .sum_values = 64, .sum_blocks = 13, .map_values = 64, .map_blocks = 19, .one_launch_rows = 0};
constexpr BatchNormPolicy kOneSlice{.sum_values = 1 << 30, .sum_blocks = 1, .one_launch_rows = 0};
const BatchNormPolicy kPolicies[] = {{.one_launch_rows = 2000}, kManySlices, kOneSlice};

template <class T>
class BatchNormBackwardTest : public testing::Test {
 protected:
  TestStream stream_;

  struct Problem {
    Size size;
    std::vector<T> x;
    HostMoments moments;
    std::vector<float> dy, mask, gamma;
    DeviceBuffer<T> device_x;
    DeviceBuffer<float> device_dy, device_gamma, mean, variance;
    DeviceBuffer<Word> device_mask;

    explicit Problem(const Size& s)
        : size(s),
          x(norm_input<T>(static_cast<std::size_t>(s.rows) * static_cast<std::size_t>(s.channels), 31)),
          moments(moments_oracle(x, static_cast<std::size_t>(s.channels))),
          dy(random_floats(x.size(), 32)),
          mask(random_floats(x.size(), 33)),
          gamma(random_floats(static_cast<std::size_t>(s.channels), 34)),
          device_x(DeviceBuffer<T>::input(x)),
          device_dy(DeviceBuffer<float>::input(dy)),
          device_gamma(DeviceBuffer<float>::input(gamma)),
          mean(DeviceBuffer<float>::input(moments.mean)),
          variance(DeviceBuffer<float>::input(moments.variance)),
          device_mask(DeviceBuffer<Word>::input(pack(mask, s.channels))) {}

    BatchNormBackward call(bool masked, bool frozen) const {
      BatchNormBackward call;
      call.x = {device_x.data(), number_type<T>(), size.rows, size.channels};
      call.dy = device_dy.data();
      call.mask = masked ? device_mask.data() : nullptr;
      call.moments = {mean.data(), variance.data()};
      call.gamma = device_gamma.data();
      call.eps = kEps;
      call.frozen = frozen;
      return call;
    }
  };
};

using Numbers = testing::Types<float, std::int8_t, std::int16_t, std::int32_t>;
TYPED_TEST_SUITE(BatchNormBackwardTest, Numbers);

TYPED_TEST(BatchNormBackwardTest, IsTheFormula) {
  for (const BatchNormPolicy& policy : kPolicies) {
    for (const Size& size : kSizes) {
      const typename TestFixture::Problem p(size);
      for (const int variant : {0, 1, 2, 3}) {
        const bool masked = variant % 2 != 0, frozen = variant >= 2;
        const Gradients want =
            gradient_oracle(p.x, p.dy, masked ? p.mask : std::vector<float>{}, p.moments, p.gamma, frozen);
        auto dx = DeviceBuffer<float>::output(p.x.size());
        const auto dgamma = DeviceBuffer<float>::output(p.gamma.size());
        auto dbeta = DeviceBuffer<float>::output(p.gamma.size());
        dbeta.upload(std::vector<float>(p.gamma.size(), 3.0F));
        if (masked) {
          dx.upload(std::vector<float>(p.x.size(), 2.0F));
        }
        BatchNormBackward call = p.call(masked, frozen);
        call.dx = {dx.data(), masked};
        call.dgamma = {dgamma.data(), false};
        call.dbeta = {dbeta.data(), true};
        const ScratchMemory scratch(batch_norm_backward_workspace_bytes(call, policy));
        require_ok(batch_norm_backward(call, scratch.get(), this->stream_.get(), policy));
        this->stream_.synchronize();
        EXPECT_TRUE(scratch.is_as_promised());
        expect_near(dx.download(), want.dx, masked ? 2.0 : 0.0);
        expect_near(dgamma.download(), want.dgamma, 0.0);
        expect_near(dbeta.download(), want.dbeta, 3.0);
      }
    }
  }
}

TYPED_TEST(BatchNormBackwardTest, WritesOnlyWhatIsWanted) {
  for (const BatchNormPolicy& policy : kPolicies) {
    const typename TestFixture::Problem p({50, 20});
    const Gradients want = gradient_oracle(p.x, p.dy, {}, p.moments, p.gamma, false);
    const auto dx = DeviceBuffer<float>::output(p.x.size());
    const auto dgamma = DeviceBuffer<float>::output(p.gamma.size());
    for (const bool wants_dx : {true, false}) {
      BatchNormBackward call = p.call(false, false);
      (wants_dx ? call.dx : call.dgamma).data = (wants_dx ? dx : dgamma).data();
      const ScratchMemory scratch(batch_norm_backward_workspace_bytes(call, policy));
      require_ok(batch_norm_backward(call, scratch.get(), this->stream_.get(), policy));
    }
    this->stream_.synchronize();
    expect_near(dx.download(), want.dx, 0.0);
    expect_near(dgamma.download(), want.dgamma, 0.0);
  }
}

// Columns of the gradient of a concatenation: rows are longer, and begin where no vector does (1, 2) or does (4).
TYPED_TEST(BatchNormBackwardTest, ReadsColumnsOfAWiderGradientWithTheSameBits) {
  for (const BatchNormPolicy& policy : kPolicies) {
    for (const Size& size : {Size{67, 32}, Size{35, 33}, Size{40, 3}}) {
      const typename TestFixture::Problem p(size);
      std::vector<std::vector<float>> results[2];
      for (const int begin : {-1, 1, 2, 4}) {  // -1: as it is
        const int before = std::max(begin, 0),
                  row = begin < 0 ? size.channels : size.channels + before + 8 - before % 4;
        std::vector<float> wide(static_cast<std::size_t>(size.rows * row), NAN);
        for (int i = 0; i < size.rows * size.channels; ++i) {
          wide[static_cast<std::size_t>(i / size.channels * row + before + i % size.channels)] =
              p.dy[static_cast<std::size_t>(i)];
        }
        const auto dy = DeviceBuffer<float>::input(wide);
        const auto dx = DeviceBuffer<float>::output(p.x.size());
        const auto dgamma = DeviceBuffer<float>::output(p.gamma.size());
        BatchNormBackward call = p.call(true, false);
        call.dy = dy.data() + before;
        call.dy_row = begin < 0 ? 0 : row;
        call.dx.data = dx.data();
        call.dgamma.data = dgamma.data();
        const ScratchMemory scratch(batch_norm_backward_workspace_bytes(call, policy));
        require_ok(batch_norm_backward(call, scratch.get(), this->stream_.get(), policy));
        this->stream_.synchronize();
        results[begin < 0 ? 0 : 1] = {dx.download(), dgamma.download()};
        EXPECT_EQ(results[begin < 0 ? 0 : 1], results[0]) << "from " << begin;
      }
    }
  }
}

TEST(BatchNormBackwardCall, RunsInAGraphWithTheSameBits) {
  const TestStream stream;
  const std::vector<float> x = norm_input<float>(90 * 12, 41);
  const auto device_x = DeviceBuffer<float>::input(x);
  const auto dy = DeviceBuffer<float>::input(random_floats(x.size(), 42));
  const auto ones = DeviceBuffer<float>::input(std::vector<float>(12, 1.0F));
  const auto direct = DeviceBuffer<float>::output(x.size());
  const auto replayed = DeviceBuffer<float>::output(x.size());
  BatchNormBackward call;
  call.x = {device_x.data(), NumberType::f32, 90, 12};
  call.dy = dy.data();
  call.moments = {ones.data(), ones.data()};
  call.gamma = ones.data();
  call.eps = kEps;
  call.dx.data = direct.data();
  const ScratchMemory scratch(batch_norm_backward_workspace_bytes(call, kManySlices));
  require_ok(batch_norm_backward(call, scratch.get(), stream.get(), kManySlices));
  stream.synchronize();
  call.dx.data = replayed.data();
  capture_and_replay(stream, 2,
                     [&](cudaStream_t s) { return batch_norm_backward(call, scratch.get(), s, kManySlices); });
  EXPECT_EQ(direct.download(), replayed.download());
}

TEST(BatchNormBackwardCall, RefusesWhatItCannotDo) {
  const TestStream stream;
  const auto memory = DeviceBuffer<float>::output(8);
  BatchNormBackward call;
  call.x = {memory.data(), NumberType::f32, 2, 4};
  EXPECT_EQ(batch_norm_backward(call, {}, stream.get()).code, StatusCode::invalid_argument);
  call.dy = memory.data();
  call.moments = {memory.data(), memory.data()};
  call.gamma = memory.data();
  call.dx.data = memory.data();
  EXPECT_EQ(batch_norm_backward(call, {}, stream.get()).code, StatusCode::workspace_too_small);
  call.dy_row = 3;  // less than the channels
  EXPECT_EQ(batch_norm_backward(call, {}, stream.get()).code, StatusCode::invalid_argument);
}

}  // namespace
}  // namespace bnas::cuda::test
