// SPDX-License-Identifier: Apache-2.0
// Kernels whose machine code is known, good and bad; compiled with at most 32 registers.
#include <cstdint>

namespace bnas::cuda {

__global__ void binary_conv2d_spilling_kernel(float* x, int n) {
  float a[64];  // all needed in each round: more than fits into 32 registers
  for (int i = 0; i < 64; ++i) {
    a[i] = x[i * 32 + threadIdx.x];
  }
  for (int round = 0; round < n; ++round) {
    for (int i = 0; i < 64; ++i) {
      a[i] = a[i] * a[(i + 1) % 64] + a[(i + 31) % 64];
    }
  }
  for (int i = 0; i < 64; ++i) {
    x[i * 32 + threadIdx.x] = a[i];
  }
}

__global__ void binary_conv2d_indexed_kernel(int* x, int n) {
  int a[32];  // indices known at run time only: local memory
  for (int i = 0; i < 32; ++i) {
    a[i] = x[i];
  }
  for (int i = 0; i < n; ++i) {
    x[i] = a[x[i + 64] % 32];
  }
}

__global__ void __launch_bounds__(128) binary_conv2d_clean_kernel(float* x) {
  __shared__ float s[1000];
  s[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  x[threadIdx.x] = s[127 - threadIdx.x];
}

/// One 1-bit product: native up to sm_90, a subroutine on sm_100 and later.
__global__ void binary_conv2d_bits_kernel(const std::uint32_t* a, int* c) {
  int d[4] = {};
#if __CUDA_ARCH__ >= 800
  asm volatile(
      "mma.sync.aligned.m16n8k256.row.col.s32.b1.b1.s32.and.popc {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
      : "+r"(d[0]), "+r"(d[1]), "+r"(d[2]), "+r"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(a[4]), "r"(a[5]));
#else
  asm volatile("mma.sync.aligned.m8n8k128.row.col.s32.b1.b1.s32.xor.popc {%0,%1}, {%2}, {%3}, {%0,%1};"
               : "+r"(d[0]), "+r"(d[1])
               : "r"(a[0]), "r"(a[1]));
#endif
  c[threadIdx.x] = d[0] + d[1] + d[2] + d[3];
}

template <int kTaps, bool kFlag>
__global__ void other_kernel(double* x) {
  x[0] = kFlag ? x[1] / x[2] : x[kTaps];
}
template __global__ void other_kernel<3, true>(double*);
template __global__ void other_kernel<5, false>(double*);

}  // namespace bnas::cuda
