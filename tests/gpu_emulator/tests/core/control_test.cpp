// SPDX-License-Identifier: Apache-2.0
// Divergence, warp collectives, barriers and launches.
#include <algorithm>
#include <numeric>
#include <random>

#include "ptx/types.hpp"
#include "tests/core/device.hpp"

namespace bnas::emu::test {
namespace {

const Module& kernels() { return compiled("control"); }

std::vector<unsigned> random_words(std::size_t n) {
  std::mt19937 random(11);
  std::vector<unsigned> words(n);
  std::generate(words.begin(), words.end(), random);
  return words;
}

/// Results must not depend on the order of warps.
class Control : public testing::TestWithParam<int> {
 protected:
  Control() { device_.options.warp_seed = static_cast<std::uint64_t>(GetParam()); }
  Device device_;
};
INSTANTIATE_TEST_SUITE_P(Orders, Control, testing::Values(0, 1, 2, 3));

TEST_P(Control, LoopsOfDifferentLengths) {
  std::vector<int> lengths(256);
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    lengths[i] = static_cast<int>(random_words(256)[i] % 40);
  }
  const Array<int> to(device_, lengths.size());
  run(device_, kernels(), "nested_loops", {{2}, {128}}, Array<int>(device_, lengths), to);
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    int sum = 0;
    for (int k = 0; k < lengths[i]; ++k) {
      if ((sum & 4) == 0) {
        sum += 3 * k + 1;
        continue;
      }
      for (int j = 0; j < (sum & 3); ++j) {
        sum ^= j + k;
      }
      if (sum % 11 == 3) {
        break;
      }
      sum += k;
    }
    EXPECT_EQ(to.values()[i], sum);
  }
}

TEST_P(Control, Switches) {
  const std::vector<unsigned> values = random_words(64);
  const Array<unsigned> to(device_, 64);
  run(device_, kernels(), "switches", {{}, {64}}, Array<unsigned>(device_, values), to);
  const auto reversed = [](unsigned x) {
    unsigned r = 0;
    for (int i = 0; i < 32; ++i) {
      r |= (x >> i & 1U) << (31 - i);
    }
    return r;
  };
  for (unsigned i = 0; i < 64; ++i) {
    unsigned r = i;
    for (unsigned k = 0; k < 5; ++k) {
      const unsigned choices[] = {r + 1, r * 3, r ^ values[i], r << 3 | r >> 29, r - k, reversed(r), r | 16, ~r};
      r = choices[values[i] >> (k * 3) & 7];
    }
    EXPECT_EQ(to.values()[i], r);
  }
}

TEST_P(Control, Collectives) {
  const std::vector<unsigned> x = random_words(32);
  const Array<unsigned> to(device_, 14 * 32);
  run(device_, kernels(), "collectives", {{}, {32}}, Array<unsigned>(device_, x), to);
  const std::vector<unsigned> got = to.values();
  unsigned ballot = 0;
  unsigned sum = 0;
  unsigned low = ~0U;
  unsigned bits = 0;
  unsigned parity = 0;
  int least = std::numeric_limits<int>::max();
  unsigned part = x[11];
  for (unsigned l = 0; l < 32; ++l) {
    ballot |= (x[l] % 3 == 0 ? 1U : 0U) << l;
    sum += x[l];
    low &= x[l] | 0xff00U;
    bits |= x[l] & 0xffU;
    parity ^= x[l];
    least = std::min(least, static_cast<int>(x[l]));
    part += l < 12 ? x[l] % 100 : 0;
  }
  const bool any = std::any_of(x.begin(), x.end(), [](unsigned v) { return v % 1000 == 1; });
  const bool all = std::all_of(x.begin(), x.end(), [](unsigned v) { return v != 0; });
  for (unsigned l = 0; l < 32; ++l) {
    unsigned same = 0;
    for (unsigned other = 0; other < 32; ++other) {
      same |= (x[other] % 4 == x[l] % 4 ? 1U : 0U) << other;
    }
    const unsigned expected[] = {x[x[l] % 32],
                                 x[l / 8 * 8 + 5],
                                 l < 3 ? x[l] : x[l - 3],
                                 l % 16 + 2 < 16 ? x[l + 2] : x[l],
                                 x[l ^ 9U],
                                 ballot,
                                 (any ? 1U : 0U) + (all ? 2U : 0U),
                                 same,
                                 0U,  // the whole mask plus one
                                 sum,
                                 static_cast<unsigned>(least),
                                 *std::max_element(x.begin(), x.end()),
                                 low ^ bits ^ parity,
                                 l < 12 ? part : 20U};
    for (unsigned k = 0; k < 14; ++k) {
      EXPECT_EQ(got[k * 32 + l], expected[k]) << "collective " << k << " lane " << l;
    }
  }
}

TEST_P(Control, BlocksScan) {
  std::vector<int> values(3 * 128);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<int>(random_words(values.size())[i] % 100);
  }
  const Array<int> to(device_, values.size());
  run(device_, kernels(), "block_scan", {{3}, {128}}, Array<int>(device_, values), to);
  for (std::size_t block = 0; block < 3; ++block) {
    std::vector<int> sums(128);
    std::partial_sum(values.begin() + static_cast<std::ptrdiff_t>(block * 128),
                     values.begin() + static_cast<std::ptrdiff_t>(block * 128 + 128), sums.begin());
    const auto odd = static_cast<int>(std::count_if(sums.begin(), sums.end(), [](int s) { return s % 2 != 0; }));
    for (std::size_t i = 0; i < 128; ++i) {
      EXPECT_EQ(to.values()[block * 128 + i], sums[i] + 1000000 * (odd + 2));
    }
  }
}

TEST_P(Control, NamedBarriers) {
  const Array<int> to(device_, 128);
  run(device_, kernels(), "named_barriers", {{}, {128}}, to);
  for (int i = 0; i < 128; ++i) {
    EXPECT_EQ(to.values()[static_cast<std::size_t>(i)], i < 64 ? 63 - i : i - 64 + 100);
  }
}

TEST(Launches, PlacesInThreeDimensions) {
  Device device;
  const Array<unsigned> to(device, 2 * 3 * 2 * 4 * 5 * 3);
  run(device, kernels(), "places", {{2, 3, 2}, {4, 5, 3}}, to);
  std::size_t at = 0;
  for (unsigned block = 0; block < 12; ++block) {
    for (unsigned thread = 0; thread < 60; ++thread, ++at) {
      EXPECT_EQ(to.values()[at], thread % 4 + 10 * (thread / 4 % 5) + 100 * (thread / 20) + 1000 * (block % 2) +
                                     10000 * (block / 2 % 3) + 100000 * (block / 6));
    }
  }
}

TEST(Launches, OneLaneIsElected) {
  Device device;
  const std::string ptx =
      std::string(".version 8.3\n.target sm_90\n.address_size 64\n") +
      ".visible .entry k(.param .u64 to) { .reg .b32 %r<4>; .reg .b64 %d<3>; .reg .pred %p<3>;\n"
      " mov.u32 %r0, %tid.x; ld.param.u64 %d0, [to]; mul.wide.u32 %d1, %r0, 4; add.u64 %d0, %d0, %d1;\n"
      " setp.lt.u32 %p0, %r0, 5; @%p0 bra DONE;\n elect.sync %r1|%p1, 0xffffffe0;\n"
      " selp.u32 %r2, 100, 0, %p1; add.u32 %r1, %r1, %r2; st.global.u32 [%d0], %r1;\nDONE: ret; }\n";
  const Array<unsigned> to(device, std::vector<unsigned>(32, 0));
  run(device, *Module::load(ptx), "k", {{}, {32}}, to);
  for (unsigned i = 0; i < 32; ++i) {
    EXPECT_EQ(to.values()[i], i < 5 ? 0U : i == 5 ? 105U : 5U);
  }
}

TEST(Launches, OrderAndThreadsDoNotShow) {
  std::vector<int> values(40 * 128, 1);
  std::vector<int> first;
  for (const unsigned threads : {1U, 2U, 4U}) {
    for (const std::uint64_t seed : {0, 9}) {
      Device device;
      device.options.threads = threads;
      device.options.block_seed = seed;
      const Array<int> to(device, values.size());
      const LaunchResult result = run(device, kernels(), "block_scan", {{40}, {128}}, Array<int>(device, values), to);
      first = first.empty() ? to.values() : first;
      EXPECT_EQ(to.values(), first);
      EXPECT_EQ(result.counters.unique_written_bytes, 40U * 128 * 4);
    }
  }
}

TEST(Launches, WhatDevicesRefuse) {
  Device device;
  const Array<int> to(device, 2048);
  const auto refused = [&](const std::string& kernel, const Shape& shape, const std::string& why) {
    const LaunchResult result = launch(device, kernels(), kernel, shape, to);
    EXPECT_EQ(result.end, LaunchResult::End::unsupported);
    EXPECT_NE(result.what.find(why), std::string::npos) << result.what;
  };
  refused("bounded", {{}, {96}}, "launch bounds");
  refused("bounded", {{}, {2048}}, "1 to 1024");
  refused("bounded", {{0}, {32}}, "grid");
  refused("bounded", {{1, 70000}, {32}}, "grid");
  refused("bounded", {{}, {32}, 200 << 10}, "shared memory");
  refused("absent", {{}, {32}}, "absent");
  EXPECT_EQ(launch(device, kernels(), "bounded", {{}, {32}}, to, 1).end, LaunchResult::End::unsupported);
  EXPECT_EQ(launch(device, kernels(), "bounded", {{}, {32}}, 1).end, LaunchResult::End::unsupported);
  run(device, kernels(), "bounded", {{}, {64}}, to);
  const KernelInfo* info = kernels().kernel("bounded");
  EXPECT_EQ(info->max_threads_per_block, 64U);
  EXPECT_EQ(info->min_blocks_per_processor, 3U);
}

}  // namespace
}  // namespace bnas::emu::test
