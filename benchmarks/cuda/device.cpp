// SPDX-License-Identifier: Apache-2.0
#include "cuda/device.hpp"

#include <benchmark/benchmark.h>
#include <cuda_runtime_api.h>

#include <cstdio>

namespace bnas::bench {
namespace {

constexpr int kNoDevice = 69;  // EX_UNAVAILABLE, as the programs have it

int attribute(cudaDeviceAttr which) {
  int value = 0;
  return cudaDeviceGetAttribute(&value, which, 0) == cudaSuccess ? value : 0;
}

/// Dense 8-bit multiply-accumulates per clock and multiprocessor: the vendor's data sheets (T4, A100, RTX 3090, RTX
/// 4090, H100, B200, RTX 5090) divided by clock and multiprocessors.
double s8_per_clock(int capability) {
  switch (capability) {
    case 75:
    case 86:
    case 89:
    case 120:
      return 1024.0;
    case 80:
      return 2048.0;
    case 90:
      return 4096.0;
    case 100:
      return 8192.0;
    default:
      return 0.0;
  }
}

/// Their bf16 rate over the 8-bit one on the same sheets: consumer chips sum in f32 at half rate. 7.5 has no bf16.
double bf16_share(int capability) {
  switch (capability) {
    case 75:
      return 0.0;
    case 86:
    case 89:
    case 120:
      return 0.25;
    default:
      return 0.5;
  }
}

CudaDevice describe() {
  CudaDevice device;
  cudaDeviceProp properties;
  if (cudaGetDeviceProperties(&properties, 0) == cudaSuccess) {
    device.name = properties.name;
  }
  device.capability = 10 * attribute(cudaDevAttrComputeCapabilityMajor) + attribute(cudaDevAttrComputeCapabilityMinor);
  device.multiprocessors = attribute(cudaDevAttrMultiProcessorCount);
  device.l2_bytes = static_cast<std::size_t>(attribute(cudaDevAttrL2CacheSize));
  device.bytes_per_second =
      2.0 * 1e3 * attribute(cudaDevAttrMemoryClockRate) * attribute(cudaDevAttrGlobalMemoryBusWidth) / 8.0;
  const double clocks = 1e3 * attribute(cudaDevAttrClockRate) * device.multiprocessors;
  // 16 population counts of 32 bits per clock and multiprocessor (CUDA programming guide, arithmetic instructions).
  device.popcount_macs = clocks * 16.0 * 32.0;
  device.s8_macs = clocks * s8_per_clock(device.capability);
  // Eight times the 8-bit rate on the data sheets that name it (A100); none names it from 9.0 on.
  device.b1_macs = device.capability < 90 ? 8.0 * device.s8_macs : 0.0;
  device.bf16_macs = bf16_share(device.capability) * device.s8_macs;
  // The programming guide's table too: 64 on 7.5 and 8.0, 128 on the others.
  device.f32_macs = clocks * (device.capability <= 80 ? 64.0 : 128.0);
  return device;
}

}  // namespace

const CudaDevice& cuda_device() {
  static const CudaDevice device = describe();
  return device;
}

int cuda_bench_main(int argc, char** argv, void (*add_all)()) {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error != cudaSuccess || count == 0) {
    std::fprintf(stderr, "no CUDA device: %s\n", error != cudaSuccess ? cudaGetErrorString(error) : "none is visible");
    return kNoDevice;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 2;
  }
  int driver = 0;
  int runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  const CudaDevice& device = cuda_device();
  benchmark::AddCustomContext("device", device.name);
  benchmark::AddCustomContext("compute_capability", std::to_string(device.capability));
  benchmark::AddCustomContext("multiprocessors", std::to_string(device.multiprocessors));
  benchmark::AddCustomContext("clock_kHz", std::to_string(attribute(cudaDevAttrClockRate)));
  benchmark::AddCustomContext("memory_clock_kHz", std::to_string(attribute(cudaDevAttrMemoryClockRate)));
  benchmark::AddCustomContext("peak_GB_per_s", std::to_string(device.bytes_per_second / 1e9));
  benchmark::AddCustomContext("cuda_driver", std::to_string(driver));
  benchmark::AddCustomContext("cuda_runtime", std::to_string(runtime));
  add_all();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}

}  // namespace bnas::bench
