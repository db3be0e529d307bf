// SPDX-License-Identifier: Apache-2.0
// CUB and Thrust as nvcc compiled them.
#include <thrust/device_vector.h>
#include <thrust/functional.h>
#include <thrust/reduce.h>
#include <thrust/sequence.h>
#include <thrust/sort.h>

#include <algorithm>
#include <cub/block/block_reduce.cuh>
#include <cub/block/block_scan.cuh>
#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_reduce.cuh>
#include <cub/device/device_scan.cuh>
#include <numeric>
#include <random>

#include "tests/runtime/support.hpp"

namespace bnas::test {
namespace {

constexpr int kSize = 20000;  // several tiles of each algorithm, the last one partly used
constexpr int kBlock = 128;

class LibraryTest : public testing::Test {
 protected:
  LibraryTest() : host_(random_values()), input_(host_), output_(kSize) {}
  void TearDown() override {
    must(cudaDeviceSynchronize());
    EXPECT_EQ(take_findings(), std::vector<std::string>());
  }

  static std::vector<int> random_values() {
    std::mt19937 draw(1);
    std::vector<int> values(kSize);
    std::generate(values.begin(), values.end(), [&] { return static_cast<int>(draw() % 1000) - 500; });
    return values;
  }

  // CUB's two steps: ask for the size of the temporary storage, then run.
  template <typename Algorithm>
  static void run(const Algorithm& algorithm) {
    std::size_t bytes = 0;
    must(algorithm(nullptr, bytes));
    DeviceArray<char> storage(bytes);
    must(algorithm(storage.data(), bytes));
    must(cudaDeviceSynchronize());
  }

  std::vector<int> host_;
  DeviceArray<int> input_;
  DeviceArray<int> output_;
};

__global__ void sum_and_scan_kernel(const int* x, int* sums, int* scans) {
  using Reduce = cub::BlockReduce<int, kBlock>;
  using Scan = cub::BlockScan<int, kBlock>;
  __shared__ union {
    typename Reduce::TempStorage reduce;
    typename Scan::TempStorage scan;
  } storage;
  const unsigned i = blockIdx.x * kBlock + threadIdx.x;
  const int sum = Reduce(storage.reduce).Sum(x[i]);
  __syncthreads();
  int before = 0;
  Scan(storage.scan).ExclusiveSum(x[i], before);
  scans[i] = before;
  if (threadIdx.x == 0) {
    sums[blockIdx.x] = sum;
  }
}

TEST_F(LibraryTest, BlockReduceAndScan) {
  DeviceArray<int> sums(4);
  sum_and_scan_kernel<<<4, kBlock>>>(input_.data(), sums.data(), output_.data());
  must(cudaGetLastError());
  std::vector<int> scans(4 * kBlock);
  must(cudaMemcpy(scans.data(), output_.data(), scans.size() * sizeof(int), cudaMemcpyDeviceToHost));
  const std::vector<int> totals = sums.download();
  for (int block = 0; block < 4; ++block) {
    const auto begin = host_.begin() + block * kBlock;
    std::vector<int> expected(kBlock);
    std::exclusive_scan(begin, begin + kBlock, expected.begin(), 0);
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), scans.begin() + block * kBlock));
    EXPECT_EQ(totals[static_cast<std::size_t>(block)], std::accumulate(begin, begin + kBlock, 0));
  }
}

TEST_F(LibraryTest, DeviceReduce) {
  run([&](void* storage, std::size_t& bytes) {
    return cub::DeviceReduce::Sum(storage, bytes, input_.data(), output_.data(), kSize);
  });
  int sum = 0;
  must(cudaMemcpy(&sum, output_.data(), sizeof sum, cudaMemcpyDeviceToHost));
  EXPECT_EQ(sum, std::accumulate(host_.begin(), host_.end(), 0));
}

TEST_F(LibraryTest, DeviceScan) {
  run([&](void* storage, std::size_t& bytes) {
    return cub::DeviceScan::InclusiveSum(storage, bytes, input_.data(), output_.data(), kSize);
  });
  std::vector<int> expected(kSize);
  std::partial_sum(host_.begin(), host_.end(), expected.begin());
  EXPECT_EQ(output_.download(), expected);
}

TEST_F(LibraryTest, DeviceRadixSort) {
  run([&](void* storage, std::size_t& bytes) {
    return cub::DeviceRadixSort::SortKeys(storage, bytes, input_.data(), output_.data(), kSize);
  });
  std::sort(host_.begin(), host_.end());
  EXPECT_EQ(output_.download(), host_);
}

// As a selection of the k largest does it: sorted pairs of value and index, cut off.
TEST_F(LibraryTest, LargestByRadixSortOfPairs) {
  std::vector<int> order(kSize);
  std::iota(order.begin(), order.end(), 0);
  DeviceArray<int> indices(order);
  DeviceArray<int> sorted(kSize);
  run([&](void* storage, std::size_t& bytes) {
    return cub::DeviceRadixSort::SortPairsDescending(storage, bytes, input_.data(), output_.data(), indices.data(),
                                                     sorted.data(), kSize);
  });
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return host_[static_cast<std::size_t>(a)] > host_[static_cast<std::size_t>(b)];
  });
  EXPECT_EQ(sorted.download(), order);
}

TEST_F(LibraryTest, Thrust) {
  thrust::device_vector<float> values(5000);
  thrust::sequence(values.begin(), values.end());
  EXPECT_EQ(thrust::reduce(values.begin(), values.end()), 12497500.0F);
  thrust::sort(values.begin(), values.end(), thrust::greater<float>());
  EXPECT_EQ(static_cast<float>(values[0]), 4999.0F);
  EXPECT_EQ(static_cast<float>(values[4999]), 0.0F);
}

}  // namespace
}  // namespace bnas::test
