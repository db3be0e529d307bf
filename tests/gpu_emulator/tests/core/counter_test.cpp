// SPDX-License-Identifier: Apache-2.0
// Counters of kernels whose accesses can be counted by hand.
#include "tests/core/device.hpp"

namespace bnas::emu::test {
namespace {

TEST(Counters, SectorsOfARequest) {
  // 32 lanes read one int each, `stride` ints apart: sectors of 32 bytes hold 8 / stride of them, at least one.
  for (const int stride : {0, 1, 2, 4, 8, 32}) {
    SCOPED_TRACE(stride);
    Device device;
    const Array<int> from(device, std::vector<int>(1024, 1));
    const Array<int> to(device, 32);
    const Counters c = run(device, compiled("bugs"), "strided", {{}, {32}}, from, to, stride).counters;
    EXPECT_EQ(c.read_requests, 1U);
    EXPECT_EQ(c.read_sectors, stride == 0 ? 1U : stride >= 8 ? 32U : static_cast<unsigned>(4 * stride));
    EXPECT_EQ(c.global_read_bytes, 128U);
    EXPECT_EQ(c.unique_read_bytes, stride == 0 ? 4U : 128U);
    EXPECT_EQ(c.written_requests, 1U);
    EXPECT_EQ(c.written_sectors, 4U);
    EXPECT_EQ(c.global_written_bytes, 128U);
    EXPECT_EQ(c.unique_written_bytes, 128U);
    EXPECT_EQ(c.shared_bank_conflicts, 0U);
  }
}

TEST(Counters, BytesOfManyBlocksCountOnce) {
  Device device;
  const Array<int> from(device, std::vector<int>(32, 1));
  const Array<int> to(device, 32);
  const Counters c = run(device, compiled("bugs"), "copy_ints", {{7}, {32}}, from, to).counters;
  EXPECT_EQ(c.global_read_bytes, 7U * 128);
  EXPECT_EQ(c.unique_read_bytes, 128U);
  EXPECT_EQ(c.unique_written_bytes, 128U);
  // The next launch starts from nothing.
  EXPECT_EQ(run(device, compiled("bugs"), "copy_ints", {{1}, {32}}, from, to).counters.unique_read_bytes, 128U);
}

TEST(Counters, TouchedRangesAreListed) {
  Device device;
  const Array<int> from(device, std::vector<int>(40, 1));
  const Array<int> to(device, 40);
  const LaunchResult result = run(device, compiled("bugs"), "copy_ints", {{1}, {32}}, from, to);
  ASSERT_EQ(result.touched.size(), 2U);
  EXPECT_EQ(result.touched[0].address, reinterpret_cast<std::uintptr_t>(from.data()));
  EXPECT_EQ(result.touched[0].bytes, 128U);
  EXPECT_FALSE(result.touched[0].written);
  EXPECT_EQ(result.touched[1].address, reinterpret_cast<std::uintptr_t>(to.data()));
  EXPECT_TRUE(result.touched[1].written);
}

TEST(Counters, BankConflictsOfWords) {
  // Words `stride` apart: of 32 lanes, as many meet in a bank as stride and 32 have in common. Stride 0 is a broadcast.
  for (const auto& [stride, conflicts] : {std::pair{0, 0U}, {1, 0U}, {2, 1U}, {3, 0U}, {8, 7U}, {32, 31U}, {33, 0U}}) {
    SCOPED_TRACE(stride);
    Device device;
    const Array<int> to(device, 32);
    EXPECT_EQ(run(device, compiled("bugs"), "banks", {{}, {32}}, to, stride).counters.shared_bank_conflicts, conflicts);
  }
}

TEST(Counters, BankConflictsOfVectors) {
  // 16 bytes a lane: a quarter of the warp uses all banks once. Two apart, the quarter's eight lanes share half of the
  // banks; eight apart, all eight share four.
  for (const auto& [stride, conflicts] : {std::pair{1, 0U}, {2, 4U}, {8, 4U * 7U}, {0, 0U}}) {
    SCOPED_TRACE(stride);
    Device device;
    const Array<float> to(device, 32);
    EXPECT_EQ(run(device, compiled("bugs"), "banks4", {{}, {32}}, to, stride).counters.shared_bank_conflicts,
              conflicts);
  }
}

TEST(Counters, BarriersAndInstructions) {
  Device device;
  const Array<int> to(device, std::vector<int>(128, 0));
  const Counters one = run(device, compiled("bugs"), "shared_race", {{1}, {128}}, to, 1).counters;
  const Counters three = run(device, compiled("bugs"), "shared_race", {{3}, {128}}, to, 1).counters;
  EXPECT_EQ(one.barriers, 2U);
  EXPECT_EQ(three.barriers, 6U);
  EXPECT_GT(one.warp_instructions, 4U * 10);
  EXPECT_EQ(three.warp_instructions, 3 * one.warp_instructions);
}

}  // namespace
}  // namespace bnas::emu::test
