// SPDX-License-Identifier: Apache-2.0
// Tensors from and to plain vectors for tests of CPU kernels, without any kernel of ours in between, and a loop over
// all instruction sets of this machine.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "bnas/core/backend.hpp"
#include "bnas/core/tape.hpp"
#include "bnas/core/tensor.hpp"
#include "bnas/portable/philox.hpp"

#define HWY_WANT_AVX3_DL  // as the kernels have it
#include "hwy/targets.h"

namespace bnas::test {

using Values = std::vector<double>;

/// Channels around the widths of vectors (4, 8, 16) and words (32); the small ones have tails everywhere.
inline const std::vector<std::int64_t> kChannels = {1, 3, 16, 17, 24, 31, 32, 33, 48, 65};

class CpuKernelTest : public ::testing::Test {
 protected:
  Stream& stream() { return *stream_; }

  Tensor tensor(const Shape& shape, DType dtype, const Values& values) {
    Tensor t(stream(), shape, dtype);
    const auto n = static_cast<std::size_t>(shape.numel());
    switch (dtype) {
      case DType::f32:
        return write<float>(t, values);
      case DType::i32:
        return write<std::int32_t>(t, values);
      case DType::i16:
        return write<std::int16_t>(t, values);
      case DType::i8:
        return write<std::int8_t>(t, values);
      case DType::u8:
        return write<std::uint8_t>(t, values);
      case DType::bit:
        break;
    }
    std::memset(t.raw(), 0, t.bytes());
    const auto channels = static_cast<std::size_t>(shape.channels());
    const auto words = (channels + 31) / 32;
    for (std::size_t i = 0; i < n; ++i) {
      if (values[i] < 0) {
        t.data<Word>()[i / channels * words + i % channels / 32] |= Word{1} << (i % channels % 32);
      }
    }
    return t;
  }

  /// NaN in every float, ones in every bit: what a kernel must not read when it overwrites.
  Tensor garbage(const Shape& shape, DType dtype) {
    Tensor t(stream(), shape, dtype);
    std::memset(t.raw(), 0xFF, t.bytes());
    return t;
  }

  /// Values on the host; bits as -1 and +1, and their padding bits must be 0.
  static Values values(const Tensor& t) {
    Values out(static_cast<std::size_t>(t.numel()));
    const auto channels = static_cast<std::size_t>(t.shape().channels());
    const auto words = (channels + 31) / 32;
    for (std::size_t i = 0; i < out.size(); ++i) {
      switch (t.dtype()) {
        case DType::f32:
          out[i] = static_cast<double>(t.data<float>()[i]);
          break;
        case DType::i32:
          out[i] = t.data<std::int32_t>()[i];
          break;
        case DType::i16:
          out[i] = t.data<std::int16_t>()[i];
          break;
        case DType::i8:
          out[i] = t.data<std::int8_t>()[i];
          break;
        case DType::u8:
          out[i] = t.data<std::uint8_t>()[i];
          break;
        case DType::bit:
          out[i] = t.data<Word>()[i / channels * words + i % channels / 32] >> (i % channels % 32) & 1U ? -1.0 : 1.0;
          break;
      }
    }
    if (t.dtype() == DType::bit && channels % 32 != 0) {
      for (std::size_t r = 0; r < static_cast<std::size_t>(t.shape().rows()); ++r) {
        EXPECT_EQ(t.data<Word>()[r * words + words - 1] >> (channels % 32), 0U) << "padding bits of row " << r;
      }
    }
    return out;
  }

  /// Floats in [-scale, scale), the same for the same site.
  static Values random(std::int64_t n, std::uint64_t site, double scale = 2.0) {
    const RandomKey key{7, site, RandomPurpose::sample};
    Values out(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<float>((2.0 * static_cast<double>(key.uniform(i)) - 1.0) * scale);
    }
    return out;
  }

  /// Integers in [-limit, limit].
  static Values random_integers(std::int64_t n, std::uint64_t site, int limit) {
    const RandomKey key{7, site, RandomPurpose::sample};
    Values out(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = static_cast<double>(key.below(i, static_cast<std::uint32_t>(2 * limit + 1))) - limit;
    }
    return out;
  }

  template <class Op, class... Args>
  void run(Args&&... args) {
    dispatch<Op>(stream(), std::forward<Args>(args)...);
  }

  /// Runs `body` once per instruction set that this machine has.
  static void for_each_target(const std::function<void()>& body) {
    for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
      SCOPED_TRACE(hwy::TargetName(target));
      hwy::SetSupportedTargetsForTest(target);
      body();
      hwy::SetSupportedTargetsForTest(0);
    }
  }

  static void expect_equal(const Values& got, const Values& want) {
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got[i], want[i]) << "element " << i;
    }
  }

  /// |got - want| <= relative * max(1, |want|).
  static void expect_near(const Values& got, const Values& want, double relative) {
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_NEAR(got[i], want[i], relative * std::max(1.0, std::abs(want[i]))) << "element " << i;
    }
  }

 protected:
  std::unique_ptr<Stream> stream_ = backend_for(Device{}).make_stream();

 private:
  template <class T>
  static Tensor write(Tensor t, const Values& from) {
    for (std::size_t i = 0; i < from.size(); ++i) {
      t.data<T>()[i] = static_cast<T>(from[i]);
    }
    return t;
  }
};

}  // namespace bnas::test
