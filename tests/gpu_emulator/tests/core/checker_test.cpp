// SPDX-License-Identifier: Apache-2.0
// Every checker against a planted bug that it must find, and a twin without the bug that it must leave alone.
#include <numeric>

#include "tests/core/device.hpp"

namespace bnas::emu::test {
namespace {

const Module& kernels() { return compiled("bugs"); }

/// The launch ends as it should and leaves exactly findings of one kind, which name kernel and source line.
void expect_found(const Device& device, const LaunchResult& result, FindingKind kind, LaunchResult::End end,
                  const std::string& kernel) {
  EXPECT_EQ(result.end, end) << result.what;
  EXPECT_GE(device.findings.count(kind), 1U);
  EXPECT_EQ(device.findings.count(), device.findings.count(kind)) << device.first_finding();
  const std::string text = device.first_finding();
  EXPECT_NE(text.find("kernel " + kernel), std::string::npos) << text;
  EXPECT_NE(text.find("bugs.cu:"), std::string::npos) << text;
  EXPECT_NE(text.find("PTX line"), std::string::npos) << text;
  EXPECT_NE(text.find("thread ("), std::string::npos) << text;
}

constexpr auto kOk = LaunchResult::End::ok;
constexpr auto kFault = LaunchResult::End::fault;

/// A kernel of one block that writes one value per thread and has its bug, or not, by its last argument.
template <class T, class... Arguments>
void expect_bug_and_twin(const std::string& kernel, FindingKind kind, unsigned threads, T bug, T fine, int level = 1,
                         const Arguments&... arguments) {
  SCOPED_TRACE(kernel);
  for (const std::uint64_t seed : {0, 1, 2}) {
    Device broken;
    broken.options.warp_seed = seed;
    broken.options.check = level;
    const Array<int> to(broken, std::vector<int>(threads, 0));
    expect_found(broken, launch(broken, kernels(), kernel, {{}, {threads}}, arguments..., to, bug), kind, kOk, kernel);
    Device whole;
    whole.options.warp_seed = seed;
    whole.options.check = level;
    const Array<int> values(whole, std::vector<int>(threads, 0));
    run(whole, kernels(), kernel, {{}, {threads}}, arguments..., values, fine);
  }
}

TEST(Checkers, GlobalBounds) {
  Device device;
  const Array<int> from(device, std::vector<int>(32, 1));
  const Array<int> to(device, std::vector<int>(32, 0));
  const LaunchResult result = launch(device, kernels(), "bug_bounds", {{3}, {32}}, from, to, 32);
  expect_found(device, result, FindingKind::out_of_bounds, kFault, "bug_bounds");
  EXPECT_NE(result.what.find("thread (31,0,0)"), std::string::npos) << result.what;
  EXPECT_NE(result.what.find("0 bytes past the end of allocation 1"), std::string::npos) << result.what;
  device.findings.clear();
  run(device, kernels(), "fine_bounds", {{3}, {32}}, from, to, 32);
  const int* nowhere = nullptr;
  EXPECT_EQ(launch(device, kernels(), "copy_ints", {{}, {32}}, nowhere, to).end, kFault);
}

TEST(Checkers, SharedBounds) {
  Device device;
  const Array<int> to(device, 32);
  expect_found(device, launch(device, kernels(), "bug_shared_bounds", {{}, {32}}, to), FindingKind::out_of_bounds,
               kFault, "bug_shared_bounds");
}

TEST(Checkers, Alignment) {
  Device device;
  const Array<char> from(device, std::vector<char>(132, 1));
  const Array<int> to(device, 32);
  run(device, kernels(), "misaligned", {{}, {32}}, from, to, 4);
  expect_found(device, launch(device, kernels(), "misaligned", {{}, {32}}, from, to, 2), FindingKind::misaligned_access,
               kFault, "misaligned");
}

TEST(Checkers, UseAfterFree) {
  Device device;
  const Array<int> to(device, 32);
  int* from = nullptr;
  {
    const Array<int> values(device, std::vector<int>(32, 5));
    from = values.data();
    run(device, kernels(), "copy_ints", {{}, {32}}, from, to);
  }
  for (int i = 0; i < 100; ++i) {  // what is allocated later does not hide it
    const Array<int> other(device, std::vector<int>(32, 6));
  }
  expect_found(device, launch(device, kernels(), "copy_ints", {{}, {32}}, from, to), FindingKind::use_after_free,
               kFault, "copy_ints");
}

TEST(Checkers, UninitializedGlobalMemory) {
  Device device;
  const Array<int> from(device, 33);
  const Array<int> to(device, 32);
  device.memory.mark_initialized(from.data(), 31 * sizeof(int));
  expect_found(device, launch(device, kernels(), "copy_ints", {{}, {32}}, from, to), FindingKind::uninitialized_read,
               kOk, "copy_ints");
  EXPECT_NE(device.first_finding().find("byte 124"), std::string::npos) << device.first_finding();
  device.findings.clear();
  device.memory.mark_initialized(from.data(), 32 * sizeof(int));
  run(device, kernels(), "copy_ints", {{}, {32}}, from, to);
  run(device, kernels(), "copy_ints", {{}, {32}}, to, from);  // what a kernel wrote is initialized
  device.memory.mark_uninitialized(to.data(), 4);
  EXPECT_EQ(launch(device, kernels(), "copy_ints", {{}, {32}}, to, from).end, kOk);
  EXPECT_EQ(device.findings.count(FindingKind::uninitialized_read), 1U);
}

TEST(Checkers, UninitializedSharedAndLocalMemory) {
  expect_bug_and_twin("uninitialized_shared", FindingKind::uninitialized_read, 64, 63, 64);
  Device device;
  std::vector<int> order(16);
  std::iota(order.begin(), order.end(), 0);
  const Array<int> indices(device, order);
  const Array<int> to(device, 32);
  run(device, kernels(), "uninitialized_local", {{}, {32}}, indices, to, 16);
  expect_found(device, launch(device, kernels(), "uninitialized_local", {{}, {32}}, indices, to, 15),
               FindingKind::uninitialized_read, kOk, "uninitialized_local");
  device.findings.clear();
  run(device, kernels(), "padding", {{}, {32}}, indices, Array<double>(device, 32));
}

TEST(Checkers, RacesInSharedMemory) {
  expect_bug_and_twin("shared_race", FindingKind::shared_race, 128, 0, 1);
  expect_bug_and_twin("write_after_read", FindingKind::shared_race, 128, 0, 1);
  expect_bug_and_twin("write_after_write", FindingKind::shared_race, 64, 1, 0);
  expect_bug_and_twin("warp_race", FindingKind::shared_race, 32, 0, 1);
  expect_bug_and_twin("half_warp_race", FindingKind::shared_race, 32, 16, 5);
  expect_bug_and_twin("atomics_do_not_race", FindingKind::shared_race, 64, 1, 0);
}

TEST(Checkers, BytesOfAWordAreDistinct) {
  Device device;
  const Array<char> to(device, 128);
  run(device, kernels(), "byte_race", {{}, {128}}, to, 1);
  expect_found(device, launch(device, kernels(), "byte_race", {{}, {128}}, to, 2), FindingKind::shared_race, kOk,
               "byte_race");
}

TEST(Checkers, AsynchronousCopiesMustBeWaitedFor) {
  Device device;
  const Array<int> from(device, std::vector<int>(256, 3));
  const Array<int> to(device, 64);
  run(device, kernels(), "copy_not_waited_for", {{}, {64}}, from, to, 1);
  expect_found(device, launch(device, kernels(), "copy_not_waited_for", {{}, {64}}, from, to, 0),
               FindingKind::uninitialized_read, kOk, "copy_not_waited_for");
}

TEST(Checkers, RacesInGlobalMemoryAtLevelTwo) {
  for (const bool fine : {true, false}) {
    Device device;
    device.options.check = 2;
    const Array<int> sum(device, std::vector<int>(1, 0));
    const Array<int> values(device, std::vector<int>(128, 0));
    const Array<int> to(device, 128);
    const int argument = fine ? 1 : 0;
    if (fine) {
      for (int i = 0; i < 3; ++i) {  // one launch after another is ordered
        run(device, kernels(), "lost_updates", {{8}, {64}}, sum, argument);
        run(device, kernels(), "global_race_in_block", {{}, {128}}, values, to, argument);
      }
      continue;
    }
    expect_found(device, launch(device, kernels(), "lost_updates", {{8}, {64}}, sum, argument),
                 FindingKind::global_race, kOk, "lost_updates");
    device.findings.clear();
    expect_found(device, launch(device, kernels(), "global_race_in_block", {{}, {128}}, values, to, argument),
                 FindingKind::global_race, kOk, "global_race_in_block");
  }
}

TEST(Checkers, DivergentBarriers) {
  Device device;
  const Array<int> to(device, 64);
  run(device, kernels(), "barrier_after_exit", {{}, {64}}, to, 64);
  expect_found(device, launch(device, kernels(), "barrier_after_exit", {{}, {64}}, to, 33),
               FindingKind::divergent_barrier, kOk, "barrier_after_exit");
  device.findings.clear();
  run(device, kernels(), "two_barriers", {{}, {64}}, to, 64);
  expect_found(device, launch(device, kernels(), "two_barriers", {{}, {64}}, to, 32), FindingKind::divergent_barrier,
               kOk, "two_barriers");
}

TEST(Checkers, ThreadsThatWaitForEachOther) {
  Device device;
  const Array<int> to(device, 64);
  run(device, kernels(), "deadlock", {{}, {64}}, to, 64);
  const LaunchResult result = launch(device, kernels(), "deadlock", {{}, {64}}, to, 32);
  EXPECT_EQ(result.end, LaunchResult::End::timeout);
  EXPECT_NE(result.what.find("32 for the barrier at"), std::string::npos) << result.what;
  EXPECT_EQ(device.findings.count(FindingKind::divergent_barrier), 1U);
}

TEST(Checkers, WarpCollectives) {
  expect_bug_and_twin("shuffle_from_absent", FindingKind::warp_collective, 32, 20, 3);
  Device device;
  const Array<unsigned> to(device, 32);
  run(device, kernels(), "mask_without_self", {{}, {32}}, to, ~0U);
  expect_found(device, launch(device, kernels(), "mask_without_self", {{}, {32}}, to, 0xffffU),
               FindingKind::warp_collective, kFault, "mask_without_self");
}

TEST(Checkers, LevelZeroFindsFaultsOnly) {
  Device device;
  device.options.check = 0;
  const Array<int> to(device, std::vector<int>(128, 0));
  run(device, kernels(), "shared_race", {{}, {128}}, to, 0);
  run(device, kernels(), "uninitialized_shared", {{}, {64}}, to, 1);
  const Array<int> from(device, std::vector<int>(32, 1));
  EXPECT_EQ(launch(device, kernels(), "bug_bounds", {{}, {32}}, from, to, 32).end, kFault);
}

TEST(Checkers, OneBugIsOneFinding) {
  Device device;
  const Array<int> to(device, std::vector<int>(128, 0));
  for (int i = 0; i < 3; ++i) {
    launch(device, kernels(), "write_after_write", {{50}, {128}}, to, 1);
  }
  EXPECT_EQ(device.findings.count(), 1U);
}

}  // namespace
}  // namespace bnas::emu::test
