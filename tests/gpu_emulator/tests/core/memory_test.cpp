// SPDX-License-Identifier: Apache-2.0
// Programs that use every kind of memory.
#include <algorithm>
#include <numeric>
#include <random>

#include "ptx/types.hpp"
#include "tests/core/device.hpp"

namespace bnas::emu::test {
namespace {

const Module& kernels() { return compiled("memory"); }

template <class T>
void expect_reversed(const std::string& kernel, std::size_t components) {
  SCOPED_TRACE(kernel);
  constexpr int kCount = 300;  // two full blocks and a part of one
  std::vector<T> values(kCount * components);
  std::mt19937_64 random(1);
  for (T& v : values) {
    v = static_cast<T>(random());
  }
  Device device;
  const Array<T> from(device, values);
  const Array<T> to(device, values.size());
  run(device, kernels(), kernel, {{3}, {128}}, from, to, kCount);
  std::vector<T> expected(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    expected[i] = values[(kCount - 1 - i / components) * components + i % components];
  }
  EXPECT_EQ(to.values(), expected);
}

TEST(Memory, ElementsAndVectorsOfAllWidths) {
  expect_reversed<char>("reverse_char", 1);
  expect_reversed<short>("reverse_short", 1);
  expect_reversed<int>("reverse_int", 1);
  expect_reversed<long long>("reverse_long", 1);
  expect_reversed<char>("reverse_char4", 4);
  expect_reversed<short>("reverse_short2", 2);
  expect_reversed<short>("reverse_short4", 4);
  expect_reversed<int>("reverse_int2", 2);
  expect_reversed<float>("reverse_float4", 4);
  expect_reversed<double>("reverse_double2", 2);
}

TEST(Memory, SmallValuesAreExtended) {
  std::vector<signed char> a(32);
  std::vector<unsigned char> b(32);
  std::vector<short> c(32);
  for (int i = 0; i < 32; ++i) {
    const auto at = static_cast<std::size_t>(i);
    a[at] = static_cast<signed char>(i * 8 - 128);
    b[at] = static_cast<unsigned char>(i * 8 + 7);
    c[at] = static_cast<short>(i * 2048 - 32768);
  }
  Device device;
  const Array<long long> to(device, 32);
  run(device, kernels(), "widen", {{}, {32}}, Array<signed char>(device, a), Array<unsigned char>(device, b),
      Array<short>(device, c), to);
  for (std::size_t i = 0; i < 32; ++i) {
    EXPECT_EQ(to.values()[i], a[i] * 1000000LL + b[i] * 1000LL - c[i]);
  }
}

struct Settings {
  int count;
  float factor;
  short table[6];
  const int* values;
};

TEST(Memory, StructuresAsParameters) {
  std::vector<int> values(32);
  std::iota(values.begin(), values.end(), 100);
  Device device;
  const Array<int> on_device(device, values);
  const Array<float> to(device, std::vector<float>(32, -1.0F));
  const Settings s{30, 0.5F, {1, -2, 3, -4, 5, -6}, on_device.data()};
  run(device, kernels(), "use_structure", {{}, {32}}, s, to);
  for (std::size_t i = 0; i < 32; ++i) {
    EXPECT_EQ(to.values()[i],
              i < 30 ? 0.5F * static_cast<float>(s.table[i % 6]) + static_cast<float>(values[i]) : -1.0F);
  }
}

TEST(Memory, VariablesOfTheModule) {
  Device device;
  Module& module = compiled("memory");
  std::size_t bytes = 0;
  auto* counter = static_cast<int*>(module.variable("counter", &bytes));
  ASSERT_NE(counter, nullptr);
  EXPECT_EQ(bytes, sizeof(int));
  const int before = *counter;
  static_cast<int*>(module.variable("primes"))[7] = 23;
  const Array<int> to(device, 32);
  run(device, module, "use_variables", {{}, {32}}, to);
  EXPECT_EQ(*counter, before + 2);
  EXPECT_EQ(to.values()[4], 11);
  EXPECT_EQ(to.values()[15], 23);
  EXPECT_EQ(module.variable("absent"), nullptr);
}

TEST(Memory, LocalMemory) {
  std::vector<int> order(16);
  std::mt19937 random(5);
  for (int& o : order) {
    o = static_cast<int>(random() % 16);
  }
  Device device;
  const Array<int> to(device, 32);
  const LaunchResult result = run(device, kernels(), "use_local_memory", {{}, {32}}, Array<int>(device, order), to);
  EXPECT_GT(result.counters.local_bytes, 0U);
  for (int thread = 0; thread < 32; ++thread) {
    std::vector<int> table(16);
    for (int i = 0; i < 16; ++i) {
      table[static_cast<std::size_t>(i)] = i * i + thread;
    }
    for (std::size_t i = 0; i < 16; ++i) {
      std::swap(table[i], table[static_cast<std::size_t>(order[i])]);
    }
    const int expected = std::accumulate(table.begin(), table.end(), 0, [](int sum, int x) { return sum * 3 + x; });
    EXPECT_EQ(to.values()[static_cast<std::size_t>(thread)], expected);
  }
}

TEST(Memory, GenericPointersMeanManySpaces) {
  std::vector<int> values(32, 7);
  Device device;
  const Array<int> to(device, 32);
  run(device, kernels(), "use_generic_pointers", {{}, {32}}, Array<int>(device, values), to);
  for (int i = 0; i < 32; ++i) {
    EXPECT_EQ(to.values()[static_cast<std::size_t>(i)], i % 2 == 0 ? 7 : 1100 + i);
  }
}

TEST(Memory, DynamicSharedMemoryFollowsTheFixed) {
  Device device;
  const Array<int> to(device, 64);
  run(device, kernels(), "use_dynamic_shared", {{}, {64}, 256}, to);
  for (int i = 0; i < 64; ++i) {
    EXPECT_EQ(to.values()[static_cast<std::size_t>(i)], (63 - i) + 2000 * (63 - i));
  }
  EXPECT_EQ(kernels().kernel("use_dynamic_shared")->static_shared_bytes, 256U);
}

TEST(Memory, FunctionsAreCalled) {
  const auto steps = [](int n) {
    int count = 0;
    for (; n != 1; ++count) {
      n = n % 2 == 0 ? n / 2 : 3 * n + 1;
    }
    return count;
  };
  Device device;
  const Array<long long> to(device, 64);
  run(device, kernels(), "call_functions", {{}, {64}}, to);
  for (int i = 0; i < 64; ++i) {
    const int n = (i % 3 == 0 ? i : 2 * i) + 1;
    EXPECT_EQ(to.values()[static_cast<std::size_t>(i)], static_cast<long long>(steps(n)) << 32 | std::max(5, steps(n)));
  }
}

TEST(Memory, Atomics) {
  constexpr u32 kThreads = 512;
  Device device;
  const Array<unsigned> words(device, {0, ~0U, 0, 0, 0, ~0U, 0, 0, 0, 0});
  const Array<unsigned long long> wide(device, std::vector<unsigned long long>(2, 0));
  const Array<float> floats(device, std::vector<float>(1, 0.0F));
  const Array<u32> halves(device, std::vector<u32>(1, 0));
  const LaunchResult result = run(device, kernels(), "atomics", {{4}, {128}}, words, wide, floats, halves);
  EXPECT_GE(result.counters.atomics, 14U * kThreads);
  std::vector<unsigned> expected = {0, ~0U, 0, 0, ~0U, ~0U << 16, 0, 0, 0, 1234};
  for (u32 i = 0; i < kThreads; ++i) {
    expected[0] += i;
    expected[1] = std::min(expected[1], i ^ 0x155U);
    expected[2] = std::max(expected[2], i ^ 0x155U);
    expected[3] ^= i * 77U;
    expected[6] = expected[6] >= 9 ? 0 : expected[6] + 1;
    expected[7] = expected[7] == 0 || expected[7] > 9 ? 9 : expected[7] - 1;
    expected[8] = std::max(expected[8], i * 13U % 1000U);
  }
  EXPECT_EQ(words.values(), expected);
  EXPECT_EQ(wide.values(), (std::vector<unsigned long long>{u64{kThreads} << 33, u64{kThreads - 1} << 40}));
  EXPECT_EQ(floats.values()[0], 0.5F * kThreads);
  EXPECT_EQ(halves.values()[0], 0xe4006000U);  // 512 and -1024 as halves
}

TEST(Memory, AtomicsInSharedMemory) {
  std::vector<int> values(512);
  std::mt19937 random(6);
  std::vector<int> expected(8, 0);
  for (int& v : values) {
    v = static_cast<int>(random() % 1000);
    ++expected[static_cast<std::size_t>(v % 8)];
  }
  Device device;
  const Array<int> counts(device, std::vector<int>(8, 0));
  run(device, kernels(), "shared_histogram", {{4}, {128}}, Array<int>(device, values), counts);
  EXPECT_EQ(counts.values(), expected);
}

TEST(Memory, LanesTakeALockInTurn) {
  for (const std::uint64_t seed : {0, 1, 2}) {
    Device device;
    device.options.warp_seed = seed;
    const Array<int> lock(device, std::vector<int>(1, 0));
    const Array<int> value(device, std::vector<int>(1, 0));
    run(device, kernels(), "locked_increment", {{2}, {64}}, lock, value);
    EXPECT_EQ(value.values()[0], 128);
  }
}

TEST(Memory, AsynchronousCopies) {
  constexpr int kThreads = 64;
  constexpr int kTiles = 5;
  std::vector<float> values(kThreads * kTiles * 4);
  std::mt19937 random(7);
  for (float& v : values) {
    v = static_cast<float>(random() % 100);
  }
  for (const bool late : {true, false}) {
    Device device;
    device.options.late_async_copies = late;
    const Array<float> to(device, kThreads);
    run(device, kernels(), "pipelined_sum", {{}, {kThreads}, 2 * kThreads * 16}, Array<float>(device, values), to,
        kTiles);
    for (std::size_t i = 0; i < kThreads; ++i) {
      float sum = 0;
      for (std::size_t t = 0; t < kTiles; ++t) {
        for (std::size_t k = 0; k < 4; ++k) {
          sum += static_cast<float>(k + 1) * values[(t * kThreads + kThreads - 1 - i) * 4 + k];
        }
      }
      EXPECT_EQ(to.values()[i], sum);
    }
  }
}

TEST(Memory, AsynchronousCopiesFillUpWithZeros) {
  const std::vector<int> values(32, 0x01020304);
  const int expected[] = {0, 0x04, 0x0304, 0x020304, 0x01020304};
  for (int kept = 0; kept <= 4; ++kept) {
    Device device;
    const Array<int> to(device, 32);
    run(device, kernels(), "zero_filled_copy", {{}, {32}}, Array<int>(device, values), to, kept);
    EXPECT_EQ(to.values(), std::vector<int>(32, expected[kept]));
  }
}

TEST(DeviceRuntime, PrintsAndAsserts) {
  Device device;
  run(device, kernels(), "print_and_assert", {{}, {32}}, 42);
  EXPECT_EQ(device.printed, "value 42,  2.50, text, 1099511627776, x%\n");
  const LaunchResult failed = launch(device, kernels(), "print_and_assert", {{}, {32}}, 99);
  EXPECT_EQ(failed.end, LaunchResult::End::assert_failed);
  EXPECT_NE(failed.what.find("value != 99"), std::string::npos) << failed.what;
}

TEST(DeviceRuntime, Traps) {
  Device device;
  run(device, kernels(), "trap_if", {{}, {32}}, -1);
  const LaunchResult failed = launch(device, kernels(), "trap_if", {{2}, {32}}, 7);
  EXPECT_EQ(failed.end, LaunchResult::End::trap);
  EXPECT_NE(failed.what.find("thread (7,0,0)"), std::string::npos) << failed.what;
}

TEST(DeviceRuntime, EndlessLoopsHaveABudget) {
  Device device;
  device.options.instruction_budget = 1'000'000;
  const LaunchResult failed = launch(device, kernels(), "spin", {{}, {32}}, Array<int>(device, std::vector<int>(1, 0)));
  EXPECT_EQ(failed.end, LaunchResult::End::timeout);
  run(device, kernels(), "spin", {{}, {32}}, Array<int>(device, std::vector<int>(1, 1)));
}

}  // namespace
}  // namespace bnas::emu::test
