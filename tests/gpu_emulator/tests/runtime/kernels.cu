// SPDX-License-Identifier: Apache-2.0
#include "tests/runtime/kernels.hpp"

#undef NDEBUG  // an assertion must be able to fail in every build
#include <cassert>

#include "tests/runtime/support.hpp"

namespace bnas::test {
namespace {

constexpr int kBlock = 128;

__device__ int counter = 0;
__constant__ int factor = 1;

__device__ int element() { return static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); }

__global__ void fill_kernel(int* y, int value, int n) {
  const int i = element();
  if (i < n) {
    y[i] = value;
  }
}

__global__ void mix_kernel(int* y, const int* x, int c, int n) {
  const int i = element();
  if (i < n) {
    y[i] = static_cast<int>(3U * static_cast<unsigned>(y[i]) + static_cast<unsigned>(x[i]) + static_cast<unsigned>(c));
  }
}

__global__ void read_only_kernel(const int* x, int n) {
  const int i = element();
  if (i < n && *(volatile const int*)(x + i) == -123456789) {
    __trap();  // never: keeps the read alive
  }
}

__global__ void write_past_end_kernel(int* y, int n) { y[n] = 1; }
__global__ void trap_kernel() { __trap(); }
__global__ void fail_assertion_kernel() { assert(blockDim.x == 0); }
__global__ void add_to_counter_kernel(int amount) { atomicAdd(&counter, amount); }

__global__ void times_factor_kernel(int* y, int n) {
  const int i = element();
  if (i < n) {
    y[i] *= factor;
  }
}

__global__ void reverse_kernel(int* y, int n) {
  extern __shared__ int shared[];
  shared[threadIdx.x] = y[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = shared[n - 1 - static_cast<int>(threadIdx.x)];
}

int blocks(int n) { return (n + kBlock - 1) / kBlock; }

}  // namespace

void fill(cudaStream_t stream, int* y, int value, int n) { fill_kernel<<<blocks(n), kBlock, 0, stream>>>(y, value, n); }

void mix(cudaStream_t stream, int* y, const int* x, int c, int n) {
  mix_kernel<<<blocks(n), kBlock, 0, stream>>>(y, x, c, n);
}

void read_only(cudaStream_t stream, const int* x, int n) { read_only_kernel<<<blocks(n), kBlock, 0, stream>>>(x, n); }
void write_past_end(cudaStream_t stream, int* y, int n) { write_past_end_kernel<<<1, 1, 0, stream>>>(y, n); }
void trap(cudaStream_t stream) { trap_kernel<<<1, 1, 0, stream>>>(); }
void fail_assertion(cudaStream_t stream) { fail_assertion_kernel<<<1, 1, 0, stream>>>(); }

void add_to_counter(cudaStream_t stream, int amount) { add_to_counter_kernel<<<1, 32, 0, stream>>>(amount); }

int counter_of_device() {
  int value = 0;
  must(cudaMemcpyFromSymbol(&value, counter, sizeof value));
  return value;
}

void set_factor(int value) {
  must(cudaMemcpyToSymbol(factor, &value, sizeof value));
  must(cudaStreamSynchronize(nullptr));  // other streams do not wait for the copy
}

void times_factor(cudaStream_t stream, int* y, int n) { times_factor_kernel<<<blocks(n), kBlock, 0, stream>>>(y, n); }

cudaError_t reverse(cudaStream_t stream, int* y, int n, std::size_t shared_bytes) {
  reverse_kernel<<<1, n, shared_bytes, stream>>>(y, n);
  return cudaGetLastError();
}

const void* const kFill = reinterpret_cast<const void*>(fill_kernel);
const void* const kMix = reinterpret_cast<const void*>(mix_kernel);
const void* const kReverse = reinterpret_cast<const void*>(reverse_kernel);

}  // namespace bnas::test
