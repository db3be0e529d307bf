// SPDX-License-Identifier: Apache-2.0
// Bytes that the packed convolution moves, as the emulator counts them, against the least possible: every byte of
// input, weights and output once.
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

/// (bytes moved, least possible); sectors of 32 bytes, as the memory system moves them.
std::pair<double, double> traffic(const Conv2dDims& d, int capability) {
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
  const std::uint64_t sectors =
      after.read_sectors + after.written_sectors - before.read_sectors - before.written_sectors;
  return {32.0 * static_cast<double>(sectors), static_cast<double>((x.size() + w.size()) * sizeof(Word) + y_bytes)};
}

TEST(Traffic, PackedConvolutionMovesLittleMoreThanItMust) {
  if (bnas_emu_present() == 0) {
    GTEST_SKIP() << "counted by the emulator alone";
  }
  // What is planned for another GPU runs here too; but one without 1-bit instructions only what is planned for such.
  for (const int capability : {75, 80, 90, 100, 120}) {
    if (compute_capability() >= 100 && capability < 100) {
      continue;
    }
    for (const Conv2dDims& dims :
         {same(8, 14, 32, 32, 3), same(4, 14, 64, 64, 3), same(4, 28, 64, 64, 3), same(4, 28, 24, 24, 5),
          same(8, 14, 16, 16, 3), same(16, 7, 24, 24, 3), same(16, 4, 32, 32, 3)}) {
      const auto [moved, least] = traffic(dims, capability);
      EXPECT_GE(moved, least);
      EXPECT_LE(moved, 1.3 * least) << dims.n << " x " << dims.h << " x " << dims.c << " -> " << dims.o << ", "
                                    << dims.kh << " on " << capability << ": " << moved / least;
    }
  }
}

}  // namespace
}  // namespace bnas::cuda::test
