// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/grad_norm.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "cuda/support/scratch_memory.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("GradNorm", "formula in double, rounded once");

using Floats = std::vector<float>;

/// Gradients of several sizes on the device.
struct Gradients {
  std::vector<Floats> values;
  std::vector<DeviceBuffer<float>> buffers;
  std::vector<Gradient> device;

  explicit Gradients(const std::vector<std::size_t>& sizes) {
    for (const std::size_t n : sizes) {
      values.push_back(random_floats(n, values.size(), 2.0F));
      buffers.push_back(DeviceBuffer<float>::output(n));
      device.push_back({buffers.back().data(), static_cast<std::int64_t>(n)});
    }
    upload();
  }
  void upload() {
    for (std::size_t i = 0; i < values.size(); ++i) {
      buffers[i].upload(values[i]);
    }
  }
  int count() const { return static_cast<int>(device.size()); }
  double squares() const {
    double sum = 0.0;
    for (const Floats& tensor : values) {
      for (const float x : tensor) {
        sum += static_cast<double>(x) * static_cast<double>(x);
      }
    }
    return sum;
  }
  ScratchMemory scratch(const GradNormPolicy& policy) const {
    return ScratchMemory(sum_squares_workspace_bytes(device.data(), count(), policy));
  }
};

/// Below, at and above the 64 values of a block, nothing in between; and more tensors than a launch takes.
std::vector<std::vector<std::size_t>> all_sizes() {
  std::vector<std::vector<std::size_t>> sizes = {{1}, {63, 64, 0, 65}, {1000}};
  sizes.emplace_back(kNormGradients + 1, 3);
  return sizes;
}

constexpr GradNormPolicy kSmallBlocks{64};

/// One rounding to float of a sum in double, whatever its order.
void expect_rounded(float got, double want) {
  EXPECT_LE(std::fabs(static_cast<double>(got) - want), 0.5000001 * std::ldexp(1.0, std::ilogb(want) - 23)) << want;
}

TEST(GradNorm, SumsSquaresInDouble) {
  const TestStream stream;
  for (const auto& sizes : all_sizes()) {
    const Gradients gradients(sizes);
    const ScratchMemory scratch = gradients.scratch(kSmallBlocks);
    auto sum = DeviceBuffer<float>::output(1);
    const auto finite = DeviceBuffer<std::int32_t>::output(1);
    const auto add = [&](bool accumulate, cudaStream_t s) {
      return sum_squares(gradients.device.data(), gradients.count(), sum.data(), accumulate, finite.data(),
                         scratch.get(), s, kSmallBlocks);
    };
    require_ok(add(false, stream.get()));
    stream.synchronize();
    const float once = sum.download()[0];
    expect_rounded(once, gradients.squares());
    EXPECT_EQ(finite.download()[0], 1);
    sum.upload({5.0F});
    require_ok(add(true, stream.get()));
    stream.synchronize();
    expect_rounded(sum.download()[0], gradients.squares() + 5.0);
    capture_and_replay(stream, 2, [&](cudaStream_t s) { return add(false, s); });
    EXPECT_EQ(sum.download()[0], once);
    EXPECT_TRUE(scratch.is_as_promised());
  }
}

TEST(GradNorm, ClipsToOneNormOverAllTensors) {
  const TestStream stream;
  for (const auto& sizes : all_sizes()) {
    Gradients gradients(sizes);
    const ScratchMemory scratch = gradients.scratch(kSmallBlocks);
    const auto norm = DeviceBuffer<float>::output(1);
    const double want = std::sqrt(gradients.squares());
    for (const double part : {0.5, 2.0}) {
      const auto limit = static_cast<float>(part * want);
      gradients.upload();
      require_ok(clip_grad_norm(gradients.device.data(), gradients.count(), limit, norm.data(), nullptr, scratch.get(),
                                stream.get(), kSmallBlocks));
      stream.synchronize();
      const float got = norm.download()[0];
      expect_rounded(got, want);
      for (std::size_t i = 0; i < gradients.values.size(); ++i) {
        Floats scaled = gradients.values[i];
        for (float& x : scaled) {
          x = part < 1.0 ? x * (limit / got) : x;
        }
        EXPECT_EQ(gradients.buffers[i].download(), scaled);
      }
    }
    EXPECT_TRUE(scratch.is_as_promised());
  }
}

// Squares of the largest floats overflow float, not double.
TEST(GradNorm, TellsWhatIsNotFinite) {
  const TestStream stream;
  constexpr float kLargest = std::numeric_limits<float>::max();
  const struct {
    float value;
    std::int32_t finite;
  } cases[] = {{kLargest, 1}, {std::numeric_limits<float>::infinity(), 0}, {std::nanf(""), 0}};
  for (const auto& c : cases) {
    Gradients gradients({3, 100});
    gradients.values[1][97] = c.value;
    gradients.upload();
    const ScratchMemory scratch = gradients.scratch({});
    const auto sum = DeviceBuffer<float>::output(1);
    const auto finite = DeviceBuffer<std::int32_t>::output(1);
    require_ok(sum_squares(gradients.device.data(), 2, sum.data(), false, finite.data(), scratch.get(), stream.get()));
    stream.synchronize();
    EXPECT_EQ(finite.download()[0], c.finite) << c.value;
  }
}

TEST(GradNorm, OfNothingIsZero) {
  const TestStream stream;
  const ScratchMemory scratch(0);
  const auto norm = DeviceBuffer<float>::output(1);
  require_ok(clip_grad_norm(nullptr, 0, 1.0F, norm.data(), nullptr, scratch.get(), stream.get()));
  stream.synchronize();
  EXPECT_EQ(norm.download()[0], 0.0F);
}

TEST(GradNorm, RefusesWhatItCannotSum) {
  const TestStream stream;
  const Gradients gradients({5});
  const ScratchMemory scratch = gradients.scratch({}), none(0);
  const auto sum = DeviceBuffer<float>::output(1);
  const auto add = [&](const Gradient& tensor, float* to, const Scratch& memory) {
    return sum_squares(&tensor, 1, to, false, nullptr, memory, stream.get()).code;
  };
  EXPECT_EQ(add({nullptr, 1}, sum.data(), scratch.get()), StatusCode::invalid_argument);
  EXPECT_EQ(add(gradients.device[0], nullptr, scratch.get()), StatusCode::invalid_argument);
  EXPECT_EQ(add(gradients.device[0], sum.data(), {}), StatusCode::invalid_argument);
  EXPECT_EQ(add(gradients.device[0], sum.data(), none.get()), StatusCode::workspace_too_small);
}

}  // namespace
}  // namespace bnas::cuda::test
