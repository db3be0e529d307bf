// SPDX-License-Identifier: Apache-2.0
// Loads, stores, address spaces, calls, atomics and asynchronous copies.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_pipeline.h>

#include <cassert>
#include <cstdint>
#include <cstdio>

// to[i] = from[n - 1 - i], by vectors of any type.
template <class T>
__device__ void reverse(const T* from, T* to, int n) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < n) {
    to[i] = from[n - 1 - i];
  }
}
extern "C" __global__ void reverse_char(const char* from, char* to, int n) { reverse(from, to, n); }
extern "C" __global__ void reverse_short(const short* from, short* to, int n) { reverse(from, to, n); }
extern "C" __global__ void reverse_int(const int* from, int* to, int n) { reverse(from, to, n); }
extern "C" __global__ void reverse_long(const long long* from, long long* to, int n) { reverse(from, to, n); }
extern "C" __global__ void reverse_char4(const char4* from, char4* to, int n) { reverse(from, to, n); }
extern "C" __global__ void reverse_short2(const short2* from, short2* to, int n) { reverse(from, to, n); }
extern "C" __global__ void reverse_short4(const short4* from, short4* to, int n) { reverse(from, to, n); }
extern "C" __global__ void reverse_int2(const int2* from, int2* to, int n) { reverse(from, to, n); }
extern "C" __global__ void reverse_float4(const float4* from, float4* to, int n) { reverse(from, to, n); }
extern "C" __global__ void reverse_double2(const double2* from, double2* to, int n) { reverse(from, to, n); }

// Sign and zero extension of small values.
extern "C" __global__ void widen(const signed char* a, const unsigned char* b, const short* c, long long* to) {
  to[threadIdx.x] = static_cast<long long>(a[threadIdx.x]) * 1000000 + b[threadIdx.x] * 1000LL - c[threadIdx.x];
}

struct Settings {
  int count;
  float factor;
  short table[6];
  const int* values;
};
extern "C" __global__ void use_structure(Settings s, float* to) {
  const int i = static_cast<int>(threadIdx.x);
  if (i < s.count) {
    to[i] = s.factor * static_cast<float>(s.table[i % 6]) + static_cast<float>(s.values[i]);
  }
}

__constant__ int primes[8] = {2, 3, 5, 7, 11, 13, 17, 19};
__device__ int counter = 40;
__device__ int* pointer_to_counter = &counter;
extern "C" __global__ void use_variables(int* to) {
  to[threadIdx.x] = primes[threadIdx.x % 8];
  if (threadIdx.x == 0) {
    *pointer_to_counter += 2;
  }
}

// A table in local memory, permuted by indices known at run time only.
extern "C" __global__ void use_local_memory(const int* order, int* to) {
  int table[16];
  for (int i = 0; i < 16; ++i) {
    table[i] = i * i + static_cast<int>(threadIdx.x);
  }
  for (int i = 0; i < 16; ++i) {
    const int other = order[i];
    const int kept = table[i];
    table[i] = table[other];
    table[other] = kept;
  }
  int sum = 0;
  for (int i = 0; i < 16; ++i) {
    sum = sum * 3 + table[i];
  }
  to[threadIdx.x] = sum;
}

// One pointer that means another space in each half of the warp.
extern "C" __global__ void use_generic_pointers(const int* global, int* to) {
  __shared__ int shared[32];
  const int i = static_cast<int>(threadIdx.x);
  shared[i] = 100 + i;
  __syncwarp();
  const int* p = i % 2 == 0 ? global : shared;
  to[i] = p[i] + (__isShared(p) ? 1000 : 0);
}

extern __shared__ int dynamic[];
extern "C" __global__ void use_dynamic_shared(int* to) {
  __shared__ int fixed[64];
  const int i = static_cast<int>(threadIdx.x);
  fixed[i] = i;
  dynamic[i] = 2 * i;
  __syncthreads();
  to[i] = fixed[63 - i] + 1000 * dynamic[63 - i];
}

__device__ __noinline__ int collatz(int n, int* longest) {
  int steps = 0;
  for (; n != 1; ++steps) {
    n = n % 2 == 0 ? n / 2 : 3 * n + 1;
  }
  *longest = max(*longest, steps);
  return steps;
}
__device__ __noinline__ long long both(int n) {
  int longest = 5;
  const int first = collatz(n + 1, &longest);
  return static_cast<long long>(first) << 32 | longest;
}
extern "C" __global__ void call_functions(long long* to) {
  const int i = static_cast<int>(threadIdx.x);
  to[i] = i % 3 == 0 ? both(i) : both(2 * i);
}

extern "C" __global__ void atomics(unsigned* words, unsigned long long* wide, float* floats, __half2* halves) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  atomicAdd(words + 0, i);
  atomicMin(words + 1, i ^ 0x155U);
  atomicMax(words + 2, i ^ 0x155U);
  atomicXor(words + 3, i * 77U);
  atomicOr(words + 4, 1U << (i % 32));
  atomicAnd(words + 5, ~(1U << (i % 16)));
  atomicInc(words + 6, 9U);
  atomicDec(words + 7, 9U);
  unsigned seen = words[8];
  unsigned expected = 0;
  do {  // the greatest product, by compare and swap
    expected = seen;
    seen = atomicCAS(words + 8, expected, max(expected, i * 13U % 1000U));
  } while (seen != expected);
  atomicExch(words + 9, 1234U);
  atomicAdd(wide + 0, 1ULL << 33);
  atomicMax(wide + 1, static_cast<unsigned long long>(i) << 40);
  atomicAdd(floats + 0, 0.5F);
  atomicAdd(halves, __halves2half2(__float2half(1.0F), __float2half(-2.0F)));
}

extern "C" __global__ void shared_histogram(const int* values, int* counts) {
  __shared__ int bins[8];
  if (threadIdx.x < 8) {
    bins[threadIdx.x] = 0;
  }
  __syncthreads();
  atomicAdd(&bins[values[blockIdx.x * blockDim.x + threadIdx.x] % 8], 1);
  __syncthreads();
  if (threadIdx.x < 8) {
    atomicAdd(counts + threadIdx.x, bins[threadIdx.x]);
  }
}

// Every lane takes the same lock.
extern "C" __global__ void locked_increment(int* lock, volatile int* value) {
  bool done = false;
  while (!done) {
    if (atomicCAS(lock, 0, 1) == 0) {
      *value = *value + 1;
      __threadfence();
      atomicExch(lock, 0);
      done = true;
    }
  }
}

// Tiles of four floats a thread, double buffered.
extern "C" __global__ void pipelined_sum(const float4* from, float* to, int tiles) {
  extern __shared__ float4 buffers[];
  const int n = static_cast<int>(blockDim.x);
  const int i = static_cast<int>(threadIdx.x);
  __pipeline_memcpy_async(&buffers[i], &from[i], 16);
  __pipeline_commit();
  float sum = 0;
  for (int t = 0; t < tiles; ++t) {
    if (t + 1 < tiles) {
      __pipeline_memcpy_async(&buffers[(t + 1) % 2 * n + i], &from[(t + 1) * n + i], 16);
    }
    __pipeline_commit();
    __pipeline_wait_prior(1);
    __syncthreads();
    const float4 v = buffers[t % 2 * n + (n - 1 - i)];
    sum += v.x + 2 * v.y + 3 * v.z + 4 * v.w;
    __syncthreads();
  }
  to[i] = sum;
}

// Copies 4 bytes of which `kept` come from memory and the rest is zero.
extern "C" __global__ void zero_filled_copy(const int* from, int* to, int kept) {
  __shared__ int word[32];
  __pipeline_memcpy_async(&word[threadIdx.x], &from[threadIdx.x], 4, 4 - kept);
  __pipeline_commit();
  __pipeline_wait_prior(0);
  to[threadIdx.x] = word[threadIdx.x];
}

extern "C" __global__ void print_and_assert(int value) {
  if (threadIdx.x == 3) {
    printf("value %d, %5.2f, %s, %llu, %c%%\n", value, 2.5, "text", 1ULL << 40, 'x');
  }
  assert(value != 99);
}

extern "C" __global__ void trap_if(int value) {
  if (value == static_cast<int>(threadIdx.x)) {
    __trap();
  }
}

extern "C" __global__ void spin(volatile int* flag) {
  while (*flag == 0) {
  }
}
