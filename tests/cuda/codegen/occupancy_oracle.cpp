// SPDX-License-Identifier: Apache-2.0
// The toolkit's own calculation. Reads lines "capability threads-per-SM shared-per-SM reserved threads registers
// shared", writes the blocks per SM of each.
#include <cuda_occupancy.h>

#include <cstdio>
#include <iostream>

int main() {
  int capability = 0;
  int threads = 0;
  cudaOccDeviceProp device;
  cudaOccFuncAttributes kernel;
  kernel.partitionedGCConfig = PARTITIONED_GC_OFF;
  while (std::cin >> capability >> device.maxThreadsPerMultiprocessor >> device.sharedMemPerMultiprocessor >>
         device.reservedSharedMemPerBlock >> threads >> kernel.numRegs >> kernel.sharedSizeBytes) {
    device.computeMajor = capability / 10;
    device.computeMinor = capability % 10;
    device.maxThreadsPerBlock = 1024;
    device.regsPerBlock = device.regsPerMultiprocessor = 65536;
    device.warpSize = 32;
    device.sharedMemPerBlock = 48 << 10;
    device.sharedMemPerBlockOptin = device.sharedMemPerMultiprocessor - device.reservedSharedMemPerBlock;
    device.numSms = 1;
    kernel.maxThreadsPerBlock = threads;
    const cudaOccDeviceState state;
    cudaOccResult result;
    if (cudaOccMaxActiveBlocksPerMultiprocessor(&result, &device, &kernel, &state, threads, 0) != CUDA_OCC_SUCCESS) {
      return 1;
    }
    std::printf("%d\n", result.activeBlocksPerMultiprocessor);
  }
  return 0;
}
