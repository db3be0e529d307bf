// SPDX-License-Identifier: Apache-2.0
// Bytes that the packed convolution moves, as the emulator counts them, against the least possible: every byte of
// input, weights and output once. To and from device memory that holds for every layer, since weights and halos that
// blocks read again come from the L2 cache; to and from that cache, for layers with few channels.
#include <gtest/gtest.h>

#include "bnas/cuda/binary_conv2d.hpp"
#include "cuda/support/device_buffer.hpp"
#include "gpu_emulator/runtime/emulator.h"

namespace bnas::cuda::test {
namespace {

Conv2dDims same(int n, int size, int c, int o, int kernel) {
  const AxisPad pad = same_pad(size, kernel, 1);
  return {.n = n, .h = size, .w = size, .c = c, .o = o, .kh = kernel, .kw = kernel, .pad_h = pad, .pad_w = pad};
}

int compute_capability() {
  int major = 0, minor = 0;
  require_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0), "device");
  require_cuda(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0), "device");
  return 10 * major + minor;
}

/// Bytes of one launch on empty caches.
struct Traffic {
  double least;
  double l2;    ///< between multiprocessors and the L2 cache: 32-byte sectors of all requests
  double dram;  ///< between the L2 cache and device memory
};

Traffic traffic(const Conv2dDims& d, int capability) {
  const auto words = static_cast<std::size_t>(words_for(d.c));
  const std::vector<Word> x(static_cast<std::size_t>(d.n * d.h * d.w) * words, 0x5U);
  const std::vector<Word> w(static_cast<std::size_t>(d.o * d.kh * d.kw) * words, 0x3U);
  const std::size_t y_bytes =
      static_cast<std::size_t>(d.n * d.oh() * d.ow() * d.o) * static_cast<std::size_t>(dot_bytes(d.k()));
  const auto dx = DeviceBuffer<Word>::input(x);
  const auto dw = DeviceBuffer<Word>::input(w);
  const auto y = DeviceBuffer<unsigned char>::output(y_bytes);
  const TestStream stream;
  const BinaryConvPlan plan = plan_binary_conv2d(d, capability);
  require_ok(plan.status);
  BnasEmuCounters before{}, after{};  // differences, since the report at exit wants the sums of the whole program
  std::uint64_t launches_before = 0, launches = 0;
  bnas_emu_kernel_counters("binary_conv2d", &before, &launches_before);
  require_ok(binary_conv2d(plan, dx.data(), dw.data(), y.data(), nullptr, stream.get()));
  stream.synchronize();
  bnas_emu_kernel_counters("binary_conv2d", &after, &launches);
  EXPECT_EQ(launches - launches_before, 1U);
  const auto moved = [&](auto counter) { return static_cast<double>(after.*counter - before.*counter); };
  return {static_cast<double>((x.size() + w.size()) * sizeof(Word) + y_bytes),
          32 * (moved(&BnasEmuCounters::read_sectors) + moved(&BnasEmuCounters::written_sectors)),
          moved(&BnasEmuCounters::dram_read_bytes) + moved(&BnasEmuCounters::dram_written_bytes)};
}

std::string text(const Conv2dDims& d, int capability) {
  return std::to_string(d.n) + " x " + std::to_string(d.h) + " x " + std::to_string(d.c) + " -> " +
         std::to_string(d.o) + ", " + std::to_string(d.kh) + " on " + std::to_string(capability);
}

class PackedConvolutionTraffic : public testing::Test {
 protected:
  void SetUp() override {
    if (bnas_emu_present() == 0) {
      GTEST_SKIP() << "counted by the emulator alone";
    }
    ASSERT_EQ(bnas_emu_set("l2", "4M"), 0);  // the least that any of the architectures has: on 7.5
    // What is planned for another GPU runs here too, but only where it has the shared memory, and not without 1-bit
    // instructions what needs them.
    int most_shared = 0;
    require_cuda(cudaDeviceGetAttribute(&most_shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0), "device");
    for (const int capability : {75, 80, 90, 100, 120}) {
      const BinaryConvVariant variant = plan_binary_conv2d(same(1, 8, 64, 64, 3), capability).variant;
      if ((compute_capability() < 100 || capability >= 100) &&
          binary_conv2d_policy(variant, capability).shared_bytes <= most_shared) {
        capabilities_.push_back(capability);
      }
    }
  }
  void TearDown() override {
    if (bnas_emu_present() != 0) {
      bnas_emu_set("l2", "0");
    }
  }

  std::vector<int> capabilities_;
};

// The layers of the default child.
TEST_F(PackedConvolutionTraffic, OfFewChannelsIsLittleMoreThanItMustBeInL2Too) {
  for (const int capability : capabilities_) {
    for (const Conv2dDims& dims :
         {same(8, 14, 32, 32, 3), same(4, 14, 64, 64, 3), same(4, 28, 64, 64, 3), same(4, 28, 24, 24, 5),
          same(8, 14, 16, 16, 3), same(16, 7, 24, 24, 3), same(16, 4, 32, 32, 3)}) {
      const Traffic bytes = traffic(dims, capability);
      EXPECT_GE(bytes.l2, bytes.least);
      EXPECT_LE(bytes.l2, 1.3 * bytes.least) << text(dims, capability) << ": " << bytes.l2 / bytes.least;
      EXPECT_LE(bytes.dram, 1.01 * bytes.least) << text(dims, capability) << ": " << bytes.dram / bytes.least;
    }
  }
}

// Among them some whose tensors are larger than the cache.
TEST_F(PackedConvolutionTraffic, OfWideLayersWithDeviceMemoryIsLittleMoreThanItMustBe) {
  for (const int capability : capabilities_) {
    for (const Conv2dDims& dims :
         {same(8, 28, 64, 64, 5), same(4, 32, 144, 144, 3), same(4, 16, 144, 144, 5), same(16, 14, 256, 256, 3),
          same(4, 14, 256, 256, 5), same(8, 7, 512, 512, 3), same(32, 28, 128, 128, 1), same(12, 56, 64, 64, 3)}) {
      const Traffic bytes = traffic(dims, capability);
      EXPECT_GE(bytes.dram, bytes.least);
      EXPECT_LE(bytes.dram, 1.3 * bytes.least) << text(dims, capability) << ": " << bytes.dram / bytes.least;
    }
  }
}

}  // namespace
}  // namespace bnas::cuda::test
