// SPDX-License-Identifier: Apache-2.0
#include "machine/l2_cache.hpp"

#include "tests/core/device.hpp"

namespace bnas::emu::test {
namespace {

constexpr std::size_t kBytes = std::size_t{64} << 10;
constexpr u64 kSectors = kBytes / L2Cache::kSectorBytes;

void read(L2Cache& cache, u64 sectors) {
  for (u64 i = 0; i < sectors; ++i) {
    cache.access(i, true, false);
  }
}

TEST(L2Cache, FetchesEachSectorOnceWhileItFits) {
  L2Cache cache(kBytes);
  read(cache, kSectors / 4);  // sets are chosen by a hash: a full cache would already lose some
  read(cache, kSectors / 4);
  EXPECT_EQ(cache.read_bytes(), kBytes / 4);
  cache.flush();
  EXPECT_EQ(cache.written_bytes(), 0U);
  read(cache, 1);
  EXPECT_EQ(cache.read_bytes(), kBytes / 4 + L2Cache::kSectorBytes) << "it is empty after a flush";
}

TEST(L2Cache, ALoopThatDoesNotFitFetchesAllAgain) {
  L2Cache cache(kBytes);
  read(cache, 4 * kSectors);
  read(cache, 4 * kSectors);
  EXPECT_EQ(cache.read_bytes(), 8 * kBytes);
}

TEST(L2Cache, WhatIsUsedAgainStays) {
  L2Cache cache(2048);  // one set of 16 lines
  constexpr u64 kLine = 4;
  for (u64 i = 1; i < 100; ++i) {
    cache.access(0, true, false);
    cache.access(i * kLine, true, false);
  }
  EXPECT_EQ(cache.read_bytes(), 100U * L2Cache::kSectorBytes);
}

TEST(L2Cache, WritesBackOnceAndFetchesNothingForIt) {
  L2Cache cache(kBytes);
  for (int times = 0; times < 3; ++times) {
    cache.access(7, false, true);
  }
  cache.access(7, true, false);
  EXPECT_EQ(cache.read_bytes(), 0U);
  EXPECT_EQ(cache.written_bytes(), 0U);
  cache.flush();
  EXPECT_EQ(cache.written_bytes(), std::uint64_t{L2Cache::kSectorBytes});
  for (u64 i = 0; i < 4 * kSectors; ++i) {
    cache.access(i, false, true);
  }
  cache.flush();
  EXPECT_EQ(cache.written_bytes(), 4 * kBytes + L2Cache::kSectorBytes);
}

TEST(L2Cache, CountsWhatALaunchMovesToAndFromDeviceMemory) {
  Device device;
  device.options.l2_bytes = kBytes;
  const Array<int> from(device, std::vector<int>(32, 1));
  const Array<int> to(device, 32);
  const Counters c = run(device, compiled("bugs"), "copy_ints", {{7}, {32}}, from, to).counters;
  EXPECT_EQ(c.read_sectors, 7U * 4);
  EXPECT_EQ(c.dram_read_bytes, 128U);
  EXPECT_EQ(c.dram_written_bytes, 128U);
  device.options.l2_bytes = 0;
  EXPECT_EQ(run(device, compiled("bugs"), "copy_ints", {{7}, {32}}, from, to).counters.dram_read_bytes, 0U);
}

}  // namespace
}  // namespace bnas::emu::test
