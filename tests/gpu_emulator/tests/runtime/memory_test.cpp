// SPDX-License-Identifier: Apache-2.0
#include <numeric>

#include "tests/runtime/kernels.hpp"
#include "tests/runtime/support.hpp"

namespace bnas::test {
namespace {

constexpr int kSize = 100;
constexpr std::size_t kBytes = kSize * sizeof(int);
constexpr std::size_t kMegabyte = std::size_t{1} << 20;

class MemoryTest : public testing::Test {
 protected:
  void TearDown() override {
    must(cudaDeviceSynchronize());
    (void)cudaGetLastError();
    EXPECT_EQ(take_findings(), std::vector<std::string>());
  }
  WithOption small_{"memory", "64M", "2G"};
  Stream a_;
};

std::size_t free_bytes() {
  std::size_t left = 0;
  std::size_t total = 0;
  must(cudaMemGetInfo(&left, &total));
  return left;
}

std::uint64_t attribute(cudaMemPool_t pool, cudaMemPoolAttr which) {
  std::uint64_t value = 0;
  must(cudaMemPoolGetAttribute(pool, which, &value));
  return value;
}

TEST_F(MemoryTest, PageableMemoryIsReadBeforeAnAsynchronousCopyReturns) {
  DeviceArray<int> x(kSize);
  std::vector<int> host(kSize, 3);
  must(cudaMemcpyAsync(x.data(), host.data(), kBytes, cudaMemcpyHostToDevice, a_));
  std::fill(host.begin(), host.end(), 4);
  a_.synchronize();
  EXPECT_EQ(x.download(), std::vector<int>(kSize, 3));
}

TEST_F(MemoryTest, PinnedMemoryIsReadWhenTheCopyRuns) {
  DeviceArray<int> x(kSize);
  PinnedArray<int> host(kSize, 3);
  must(cudaMemcpyAsync(x.data(), host.data(), kBytes, cudaMemcpyHostToDevice, a_));
  std::fill_n(host.data(), kSize, 4);  // a bug in a program; here it shows how late the copy is
  a_.synchronize();
  EXPECT_EQ(x.download(), std::vector<int>(kSize, 4));
}

TEST_F(MemoryTest, AsynchronousCopiesToTheHostAreLate) {
  DeviceArray<int> x(std::vector<int>(kSize, 5));
  std::vector<int> host(kSize, 0);
  must(cudaMemcpyAsync(host.data(), x.data(), kBytes, cudaMemcpyDeviceToHost, a_));
  EXPECT_EQ(host[0], 0);
  a_.synchronize();
  EXPECT_EQ(host, std::vector<int>(kSize, 5));
}

TEST_F(MemoryTest, CopiesOfRowsAndOfParts) {
  std::vector<int> source(60);
  std::iota(source.begin(), source.end(), 0);
  DeviceArray<int> x(std::vector<int>(60, -1));
  // A 3 x 4 part of a matrix of 10 columns into one of 8.
  must(cudaMemcpy2D(x.data() + 1, 8 * 4, source.data() + 2, 10 * 4, 4 * 4, 3, cudaMemcpyHostToDevice));
  std::vector<int> expected(60, -1);
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 4; ++column) {
      expected[1 + row * 8 + column] = static_cast<int>(2 + row * 10 + column);
    }
  }
  EXPECT_EQ(x.download(), expected);
  must(cudaMemset2D(x.data(), 8 * 4, 0, 2 * 4, 2));
  expected[0] = expected[1] = expected[8] = expected[9] = 0;
  EXPECT_EQ(x.download(), expected);
  EXPECT_EQ(cudaMemcpy2D(x.data(), 4, source.data(), 4, 8, 2, cudaMemcpyHostToDevice), cudaErrorInvalidPitchValue);
}

TEST_F(MemoryTest, BadCopiesAreRefused) {
  DeviceArray<int> x(std::vector<int>(kSize, 1));
  std::vector<int> host(2 * kSize);
  EXPECT_EQ(cudaMemcpy(x.data(), host.data(), kBytes + 1, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(x.data() + 1, host.data(), kBytes, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host.data(), x.data(), 4, cudaMemcpyHostToDevice), cudaErrorInvalidMemcpyDirection);
  EXPECT_EQ(cudaMemcpy(host.data(), x.data(), 4, cudaMemcpyDeviceToDevice), cudaErrorInvalidMemcpyDirection);
  EXPECT_EQ(cudaMemset(host.data(), 0, 4), cudaErrorInvalidValue);
  EXPECT_EQ(cudaMemcpy(host.data(), x.data(), 4, cudaMemcpyDefault), cudaSuccess);
}

TEST_F(MemoryTest, SymbolsHaveTheirMemory) {
  DeviceArray<int> x(std::vector<int>(kSize, 5));
  set_factor(3);
  times_factor(a_, x.data(), kSize);
  a_.synchronize();
  EXPECT_EQ(x.download(), std::vector<int>(kSize, 15));
  const int before = counter_of_device();
  add_to_counter(a_, 2);
  a_.synchronize();
  EXPECT_EQ(counter_of_device(), before + 64);
}

TEST_F(MemoryTest, PointersTellWhatTheyAre) {
  DeviceArray<int> x(kSize);
  PinnedArray<int> pinned(kSize);
  int local = 0;
  const auto type = [](const void* p) {
    cudaPointerAttributes attributes{};
    must(cudaPointerGetAttributes(&attributes, p));
    return attributes.type;
  };
  EXPECT_EQ(type(x.data() + 3), cudaMemoryTypeDevice);
  EXPECT_EQ(type(pinned.data() + 3), cudaMemoryTypeHost);
  EXPECT_EQ(type(&local), cudaMemoryTypeUnregistered);
}

TEST_F(MemoryTest, FullDevicesSaySo) {
  std::size_t left = 0;
  std::size_t total = 0;
  must(cudaMemGetInfo(&left, &total));
  void* p = nullptr;
  void* q = nullptr;
  EXPECT_EQ(cudaMalloc(&p, total + 1), cudaErrorMemoryAllocation);
  EXPECT_EQ(p, nullptr);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  must(cudaMalloc(&p, left - kMegabyte));
  EXPECT_EQ(free_bytes(), kMegabyte);
  EXPECT_EQ(cudaMalloc(&q, 2 * kMegabyte), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaMallocAsync(&q, 2 * kMegabyte, a_), cudaErrorMemoryAllocation);
  must(cudaFree(p));
  EXPECT_EQ(free_bytes(), left);
  must(cudaMalloc(&p, 0));
  EXPECT_EQ(p, nullptr);
  must(cudaFree(nullptr));
}

TEST_F(MemoryTest, PoolsKeepWhatTheThresholdAllows) {
  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned;
  properties.location = {cudaMemLocationTypeDevice, 0};
  cudaMemPool_t pool = nullptr;
  must(cudaMemPoolCreate(&pool, &properties));
  const std::size_t before = free_bytes();
  std::uint64_t threshold = 3 * kMegabyte;
  must(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold));
  void* p = nullptr;
  void* q = nullptr;
  must(cudaMallocFromPoolAsync(&p, 2 * kMegabyte, pool, a_));
  must(cudaMallocFromPoolAsync(&q, 4 * kMegabyte, pool, a_));
  EXPECT_EQ(attribute(pool, cudaMemPoolAttrUsedMemCurrent), 6 * kMegabyte);
  EXPECT_EQ(free_bytes(), before - 6 * kMegabyte);
  must(cudaFreeAsync(p, a_));
  must(cudaFreeAsync(q, a_));
  EXPECT_EQ(attribute(pool, cudaMemPoolAttrUsedMemCurrent), 6 * kMegabyte);  // the frees have not run
  a_.synchronize();
  EXPECT_EQ(attribute(pool, cudaMemPoolAttrUsedMemCurrent), 0U);
  EXPECT_EQ(attribute(pool, cudaMemPoolAttrUsedMemHigh), 6 * kMegabyte);
  EXPECT_EQ(attribute(pool, cudaMemPoolAttrReservedMemCurrent), 3 * kMegabyte);
  EXPECT_EQ(attribute(pool, cudaMemPoolAttrReservedMemHigh), 6 * kMegabyte);
  EXPECT_EQ(free_bytes(), before - 3 * kMegabyte);
  must(cudaMallocFromPoolAsync(&p, kMegabyte, pool, a_));  // from what is reserved
  EXPECT_EQ(attribute(pool, cudaMemPoolAttrReservedMemCurrent), 3 * kMegabyte);
  must(cudaMemPoolTrimTo(pool, 0));
  EXPECT_EQ(attribute(pool, cudaMemPoolAttrReservedMemCurrent), kMegabyte);
  must(cudaMemPoolDestroy(pool));  // lives until its last allocation is freed
  EXPECT_EQ(cudaMemPoolTrimTo(pool, 0), cudaErrorInvalidValue);
  fill(a_, static_cast<int*>(p), 1, kSize);
  must(cudaFreeAsync(p, a_));
  a_.synchronize();
  EXPECT_EQ(free_bytes(), before);
}

TEST_F(MemoryTest, FreedPoolMemoryMakesRoomWithoutASynchronization) {
  const std::size_t most = free_bytes() - kMegabyte;
  for (int i = 0; i < 5; ++i) {
    void* p = nullptr;
    must(cudaMallocAsync(&p, most, a_));
    must(cudaMemsetAsync(p, 0, kBytes, a_));
    must(cudaFreeAsync(p, a_));
  }
}

TEST_F(MemoryTest, ReusedPoolMemoryIsUninitialized) {
  DeviceArray<int> y(std::vector<int>(kSize, 1));
  const auto use = [&](bool initialize) {
    int* p = nullptr;
    must(cudaMallocAsync(reinterpret_cast<void**>(&p), kBytes, a_));
    if (initialize) {
      must(cudaMemsetAsync(p, 0, kBytes, a_));
    }
    mix(a_, y.data(), p, 0, kSize);
    must(cudaFreeAsync(p, a_));
    a_.synchronize();
  };
  use(true);
  EXPECT_EQ(take_findings(), std::vector<std::string>());
  use(false);
  expect_finding("uninitialized_read", {"mix_kernel"});
}

TEST_F(MemoryTest, UninitializedMemoryStaysSoWhenCopiedWithinTheDevice) {
  DeviceArray<int> fresh(kSize);
  DeviceArray<int> copy(kSize);
  std::vector<int> host(kSize);
  must(cudaMemcpy(copy.data(), fresh.data(), kBytes, cudaMemcpyDeviceToDevice));
  must(cudaDeviceSynchronize());
  EXPECT_EQ(take_findings(), std::vector<std::string>());
  must(cudaMemcpy(host.data(), copy.data(), kBytes, cudaMemcpyDeviceToHost));
  expect_finding("uninitialized_read", {"copy"});
}

TEST_F(MemoryTest, MemoryIsFreedOnce) {
  void* p = nullptr;
  must(cudaMalloc(&p, kBytes));
  must(cudaFree(p));
  EXPECT_EQ(cudaFree(p), cudaErrorInvalidValue);
  expect_finding("use_after_free", {"cudaFree"});
  must(cudaMallocAsync(&p, kBytes, a_));
  must(cudaFreeAsync(p, a_));
  EXPECT_EQ(cudaFreeAsync(p, a_), cudaErrorInvalidValue);
  expect_finding("use_after_free", {"cudaFreeAsync"});
  int local = 0;
  EXPECT_EQ(cudaFree(&local), cudaErrorInvalidValue);
}

TEST_F(MemoryTest, UseAfterStreamOrderedFreeIsFound) {
  expect_exit(
      [] {
        const Stream a;
        int* p = nullptr;
        must(cudaMallocAsync(reinterpret_cast<void**>(&p), kBytes, a));
        fill(a, p, 1, kSize);
        must(cudaFreeAsync(p, a));
        fill(a, p, 2, kSize);
        (void)cudaStreamSynchronize(a);
      },
      99, "use_after_free.*fill_kernel");
}

TEST_F(MemoryTest, OutOfBoundsEndsTheDevice) {
  expect_exit(
      [] {
        DeviceArray<int> x(kSize);
        write_past_end(nullptr, x.data(), kSize);
        EXPECT_EQ(cudaGetLastError(), cudaSuccess);  // not known yet
        EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
        EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);
        EXPECT_EQ(cudaGetLastError(), cudaErrorIllegalAddress);  // for good
        void* p = nullptr;
        EXPECT_EQ(cudaMalloc(&p, 4), cudaErrorIllegalAddress);
      },
      99, "out_of_bounds.*write_past_end_kernel");
}

TEST_F(MemoryTest, HostCodeCannotTouchDeviceMemory) {
  expect_exit(
      [] {
        DeviceArray<int> x(kSize);
        *static_cast<volatile int*>(x.data()) = 1;
      },
      99, "host_access");
}

TEST_F(MemoryTest, LeaksAreFoundWhenAskedFor) {
  const auto leak = [](const char* asked) {
    return [asked] {
      bnas_emu_set("leaks", asked);
      void* p = nullptr;
      must(cudaMalloc(&p, 123));
    };
  };
  expect_exit(leak("0"), 0, "");
  expect_exit(leak("1"), 99, "leak: 123 bytes of device 0");
}

}  // namespace
}  // namespace bnas::test
