// SPDX-License-Identifier: Apache-2.0
#include "memory/device_memory.hpp"

#include "gtest/gtest.h"

namespace bnas::emu::test {
namespace {

TEST(DeviceMemory, HasALimit) {
  Findings findings;
  DeviceMemory memory(1000, findings);
  void* a = memory.allocate(600);
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(memory.free_bytes(), 400U);
  EXPECT_EQ(memory.allocate(401), nullptr);
  EXPECT_EQ(memory.allocate(0), nullptr);
  EXPECT_TRUE(memory.release(a));
  EXPECT_FALSE(memory.release(a));
  EXPECT_FALSE(memory.release(&findings));
  EXPECT_EQ(memory.free_bytes(), 1000U);
  memory.set_limit(300);
  EXPECT_EQ(memory.allocate(301), nullptr);
  EXPECT_EQ(memory.total_bytes(), 300U);
}

TEST(DeviceMemory, FindsAllocations) {
  Findings findings;
  DeviceMemory memory(1 << 20, findings);
  auto* a = static_cast<char*>(memory.allocate(100));
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(a) % 256, 0U);
  EXPECT_EQ(memory.find(a + 99)->address, a);
  EXPECT_EQ(memory.find(a + 99)->bytes, 100U);
  EXPECT_FALSE(memory.find(a + 100).has_value());
  EXPECT_TRUE(memory.reserved(a + 100));
  EXPECT_FALSE(memory.reserved(&findings));
  EXPECT_EQ(memory.host(a + 50, 51), nullptr);
  EXPECT_NE(memory.host(a + 50, 50), nullptr);
  EXPECT_EQ(memory.allocations().size(), 1U);
  memory.release(a);
  EXPECT_FALSE(memory.find(a)->live);
  EXPECT_EQ(memory.host(a, 1), nullptr);
  EXPECT_TRUE(memory.allocations().empty());
}

TEST(DeviceMemory, KnowsWhatIsInitialized) {
  Findings findings;
  DeviceMemory memory(1 << 20, findings);
  auto* a = static_cast<char*>(memory.allocate(100));
  auto* b = static_cast<char*>(memory.allocate(100));
  EXPECT_FALSE(memory.initialized(a, 1));
  EXPECT_EQ(*memory.host(a, 1), 0xff);
  memory.mark_initialized(a + 10, 20);
  EXPECT_TRUE(memory.initialized(a + 10, 20));
  EXPECT_FALSE(memory.initialized(a + 9, 2));
  memory.copy_initialized(b, a, 100);
  EXPECT_TRUE(memory.initialized(b + 10, 20));
  EXPECT_FALSE(memory.initialized(b + 10, 21));
  memory.mark_uninitialized(a + 15, 1);
  EXPECT_FALSE(memory.initialized(a + 10, 20));
}

TEST(DeviceMemory, AddressesComeBackUninitialized) {
  Findings findings;
  DeviceMemory memory(1 << 20, findings);
  void* first = memory.allocate(64);
  memory.mark_initialized(first, 64);
  *memory.host(first, 1) = 7;
  memory.release(first);
  bool again = false;
  for (int i = 0; i < 6000; ++i) {  // more than quarantine holds
    void* p = memory.allocate(64);
    EXPECT_FALSE(memory.initialized(p, 1));
    EXPECT_EQ(*memory.host(p, 1), 0xff);
    again = again || p == first;
    EXPECT_FALSE(i < 1000 && again);
    memory.release(p);
  }
  EXPECT_TRUE(again);
}

TEST(DeviceMemory, HostMemoryAtItsOwnAddress) {
  Findings findings;
  DeviceMemory memory(1 << 20, findings);
  alignas(8) char pinned[64] = {};
  memory.adopt(pinned, sizeof pinned, true);
  EXPECT_EQ(reinterpret_cast<char*>(memory.host(pinned, 64)), pinned);
  EXPECT_TRUE(memory.initialized(pinned, 64));
  EXPECT_FALSE(memory.find(pinned)->device);
  EXPECT_FALSE(memory.release(pinned));
  EXPECT_TRUE(memory.disown(pinned));
  EXPECT_FALSE(memory.disown(pinned));
  EXPECT_FALSE(memory.find(pinned).has_value());
}

TEST(DeviceMemoryDeathTest, HostCodeHasNoAccess) {
  Findings findings;
  DeviceMemory memory(1 << 20, findings);
  auto* a = static_cast<volatile char*>(memory.allocate(100));
  EXPECT_DEATH(static_cast<void>(*a), "");
}

TEST(Findings, AreListedOnceByKindAndSite) {
  Findings findings;
  findings.add(FindingKind::shared_race, "here", "one");
  findings.add(FindingKind::shared_race, "here", "another");
  findings.add(FindingKind::leak, "here");
  findings.add(FindingKind::shared_race, "there");
  EXPECT_EQ(findings.count(), 3U);
  EXPECT_EQ(findings.count(FindingKind::shared_race), 2U);
  EXPECT_EQ(findings.all()[0].text, "shared_race: here; one");
  EXPECT_EQ(findings.all()[1].text, "leak: here");
  findings.clear();
  EXPECT_EQ(findings.count(), 0U);
  findings.add(FindingKind::leak, "here");
  EXPECT_EQ(findings.count(), 1U);
}

}  // namespace
}  // namespace bnas::emu::test
