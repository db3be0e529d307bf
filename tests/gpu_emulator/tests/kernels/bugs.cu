// SPDX-License-Identifier: Apache-2.0
// Pairs of kernels: bug_X has the error that a checker looks for, fine_X does the same without it.
#include <cuda_pipeline.h>

#include <cstdint>

// ---- bounds
extern "C" __global__ void bug_bounds(const int* from, int* to, int n) {
  const int i = static_cast<int>(threadIdx.x);
  to[i] = from[i + 1] + n;
}
extern "C" __global__ void fine_bounds(const int* from, int* to, int n) {
  const int i = static_cast<int>(threadIdx.x);
  to[i] = from[i + 1 < n ? i + 1 : i] + n;
}
extern "C" __global__ void bug_shared_bounds(int* to) {
  __shared__ int values[32];
  values[threadIdx.x + 1] = 1;
  __syncwarp();
  to[threadIdx.x] = values[threadIdx.x];
}

// ---- alignment
extern "C" __global__ void misaligned(const char* from, int* to, int offset) {
  to[threadIdx.x] = *reinterpret_cast<const int*>(from + 4 * threadIdx.x + offset);
}

// ---- initialization
extern "C" __global__ void copy_ints(const int* from, int* to) { to[threadIdx.x] = from[threadIdx.x]; }
extern "C" __global__ void uninitialized_shared(int* to, int written) {
  __shared__ int values[64];
  if (static_cast<int>(threadIdx.x) < written) {
    values[threadIdx.x] = 1;
  }
  __syncthreads();
  to[threadIdx.x] = values[63 - threadIdx.x];
}
extern "C" __global__ void uninitialized_local(const int* order, int* to, int written) {
  int table[16];
  for (int i = 0; i < written; ++i) {
    table[order[i]] = i;
  }
  int sum = 0;
  for (int i = 0; i < 16; ++i) {
    sum += table[order[i]];
  }
  to[threadIdx.x] = sum;
}
// Copies of structures take their padding along: no error.
struct Padded {
  double value;
  int tag;
};
extern "C" __global__ void padding(const int* order, double* to) {
  Padded table[4];
  for (int i = 0; i < 4; ++i) {
    table[order[i]].value = i;
    table[order[i]].tag = i;
  }
  const Padded picked = table[order[threadIdx.x % 4]];
  to[threadIdx.x] = picked.value + picked.tag;
}

// ---- races in shared memory
extern "C" __global__ void shared_race(int* to, int synchronize) {
  __shared__ int values[128];
  values[threadIdx.x] = 0;
  __syncthreads();
  values[threadIdx.x] = static_cast<int>(threadIdx.x);
  if (synchronize != 0) {
    __syncthreads();
  }
  to[threadIdx.x] = values[127 - threadIdx.x];
}
extern "C" __global__ void write_after_read(int* to, int synchronize) {
  __shared__ int values[128];
  values[threadIdx.x] = static_cast<int>(threadIdx.x);
  __syncthreads();
  const int other = values[127 - threadIdx.x];
  if (synchronize != 0) {
    __syncthreads();
  }
  values[threadIdx.x] = other;
  to[threadIdx.x] = other;
}
extern "C" __global__ void write_after_write(int* to, int everybody) {
  __shared__ int value;
  if (everybody != 0 || threadIdx.x == 0) {
    value = static_cast<int>(threadIdx.x);
  }
  __syncthreads();
  to[threadIdx.x] = value;
}
extern "C" __global__ void warp_race(int* to, int synchronize) {
  __shared__ int values[32];
  values[threadIdx.x] = static_cast<int>(threadIdx.x);
  if (synchronize != 0) {
    __syncwarp();
  }
  to[threadIdx.x] = values[threadIdx.x ^ 1U];
}
// Halves of a warp that synchronize among themselves only.
extern "C" __global__ void half_warp_race(int* to, int distance) {
  __shared__ int values[32];
  values[threadIdx.x] = static_cast<int>(threadIdx.x);
  __syncwarp(threadIdx.x < 16 ? 0x0000ffffU : 0xffff0000U);
  to[threadIdx.x] = values[threadIdx.x ^ static_cast<unsigned>(distance)];
}
// Neighbouring bytes of one word belong to different threads: no race. The last byte of a word does not.
extern "C" __global__ void byte_race(char* to, int stride) {
  __shared__ char values[256];
  values[threadIdx.x] = 0;
  values[threadIdx.x + 128] = 0;
  __syncthreads();
  values[threadIdx.x / static_cast<unsigned>(stride)] = static_cast<char>(threadIdx.x);
  __syncthreads();
  to[threadIdx.x] = values[threadIdx.x];
}
extern "C" __global__ void atomics_do_not_race(int* to, int plain) {
  __shared__ int sum;
  if (threadIdx.x == 0) {
    sum = 0;
  }
  __syncthreads();
  if (plain != 0) {
    sum = sum + 1;
  } else {
    atomicAdd(&sum, 1);
  }
  __syncthreads();
  to[threadIdx.x] = sum;
}
extern "C" __global__ void copy_not_waited_for(const int4* from, int* to, int wait) {
  __shared__ int4 values[64];
  __pipeline_memcpy_async(&values[threadIdx.x], &from[threadIdx.x], 16);
  __pipeline_commit();
  if (wait != 0) {
    __pipeline_wait_prior(0);
  }
  __syncthreads();
  to[threadIdx.x] = values[63 - threadIdx.x].y;
}

// ---- races in global memory
extern "C" __global__ void lost_updates(int* sum, int atomic) {
  if (threadIdx.x == 0) {
    if (atomic != 0) {
      atomicAdd(sum, 1);
    } else {
      *sum = *sum + 1;
    }
  }
}
extern "C" __global__ void global_race_in_block(int* values, int* to, int synchronize) {
  values[threadIdx.x] = static_cast<int>(threadIdx.x);
  if (synchronize != 0) {
    __syncthreads();
  }
  to[threadIdx.x] = values[127 - threadIdx.x];
}

// ---- barriers
extern "C" __global__ void barrier_after_exit(int* to, int n) {
  const int i = static_cast<int>(threadIdx.x);
  if (i >= n) {
    return;
  }
  __syncthreads();
  to[i] = i;
}
extern "C" __global__ void two_barriers(int* to, int split) {
  const int i = static_cast<int>(threadIdx.x);
  if (i < split) {
    to[i] = 1;
    __syncthreads();
    to[i] += 5;
  } else {
    to[i] = 2;
    __syncthreads();
    to[i] += 7;
  }
}
extern "C" __global__ void deadlock(int* to, int n) {
  const int i = static_cast<int>(threadIdx.x);
  if (i < n) {
    asm volatile("bar.sync 1, 64;" ::: "memory");
  } else {
    asm volatile("bar.sync 2, 64;" ::: "memory");
  }
  to[i] = i;
}

// ---- warp collectives
extern "C" __global__ void shuffle_from_absent(int* to, int from) {
  const int i = static_cast<int>(threadIdx.x);
  to[i] = 0;
  if (i < 16) {
    to[i] = __shfl_sync(0x0000ffffU, i, from);
  }
}
extern "C" __global__ void mask_without_self(unsigned* to, unsigned mask) { to[threadIdx.x] = __ballot_sync(mask, 1); }

// ---- counters
extern "C" __global__ void strided(const int* from, int* to, int stride) {
  to[threadIdx.x] = from[threadIdx.x * static_cast<unsigned>(stride)];
}
extern "C" __global__ void banks(int* to, int stride) {
  __shared__ int values[1024];
  for (unsigned i = threadIdx.x; i < 1024; i += 32) {
    values[i] = static_cast<int>(i);
  }
  __syncwarp();
  to[threadIdx.x] = values[threadIdx.x * static_cast<unsigned>(stride) % 1024];
}
extern "C" __global__ void banks4(float* to, int stride) {
  __shared__ float4 values[256];
  for (unsigned i = threadIdx.x; i < 256; i += 32) {
    values[i] = make_float4(1, 2, 3, 4);
  }
  __syncwarp();
  const float4 v = values[threadIdx.x * static_cast<unsigned>(stride) % 256];
  to[threadIdx.x] = v.x + v.w;
}
