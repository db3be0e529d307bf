// SPDX-License-Identifier: Apache-2.0
// Divergence, warp collectives and barriers.
#include <cstdint>

extern "C" __global__ void nested_loops(const int* lengths, int* to) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  int sum = 0;
  for (int k = 0; k < lengths[i]; ++k) {
    if ((sum & 4) != 0) {
      for (int j = 0; j < (sum & 3); ++j) {
        sum ^= j + k;
      }
    } else {
      sum += 3 * k + 1;
      continue;
    }
    if (sum % 11 == 3) {
      break;
    }
    sum += k;
  }
  to[i] = sum;
}

extern "C" __global__ void switches(const unsigned* values, unsigned* to) {
  const unsigned i = threadIdx.x;
  unsigned r = i;
  for (int k = 0; k < 5; ++k) {
    switch (values[i] >> (k * 3) & 7) {
      case 0:
        r += 1;
        break;
      case 1:
        r *= 3;
        break;
      case 2:
        r ^= values[i];
        break;
      case 3:
        r = r << 3 | r >> 29;
        break;
      case 4:
        r -= static_cast<unsigned>(k);
        break;
      case 5:
        r = __brev(r);
        break;
      case 6:
        r |= 16;
        break;
      default:
        r = ~r;
        break;
    }
  }
  to[i] = r;
}

// to[k * 32 + lane]: what the k-th collective gives.
extern "C" __global__ void collectives(const unsigned* values, unsigned* to) {
  const unsigned lane = threadIdx.x;
  const unsigned x = values[lane];
  int k = 0;
  const auto put = [&](unsigned v) { to[k++ * 32 + lane] = v; };
  put(__shfl_sync(~0U, x, static_cast<int>(x % 32)));
  put(__shfl_sync(~0U, x, 5, 8));
  put(__shfl_up_sync(~0U, x, 3));
  put(__shfl_down_sync(~0U, x, 2, 16));
  put(__shfl_xor_sync(~0U, x, 9));
  put(__ballot_sync(~0U, x % 3 == 0));
  put(__any_sync(~0U, x % 1000 == 1) + 2 * __all_sync(~0U, x != 0));
  put(__match_any_sync(~0U, x % 4));
  int all = 0;
  put(__match_all_sync(~0U, x >> 31 >> 1, &all) + static_cast<unsigned>(all));
  put(__reduce_add_sync(~0U, x));
  put(static_cast<unsigned>(__reduce_min_sync(~0U, static_cast<int>(x))));
  put(__reduce_max_sync(~0U, x));
  put(__reduce_and_sync(~0U, x | 0xff00U) ^ __reduce_or_sync(~0U, x & 0xffU) ^ __reduce_xor_sync(~0U, x));
  if (lane < 12) {  // a part of the warp on its own
    put(__reduce_add_sync(0xfffU, x % 100) + __shfl_sync(0xfffU, x, 11));
  } else {
    put(__popc(__activemask()));
  }
}

extern "C" __global__ void block_scan(const int* values, int* to) {
  __shared__ int buffer[2][128];
  const int i = static_cast<int>(threadIdx.x);
  int current = 0;
  buffer[0][i] = values[blockIdx.x * 128 + i];
  __syncthreads();
  for (int step = 1; step < 128; step *= 2) {
    buffer[1 - current][i] = buffer[current][i] + (i >= step ? buffer[current][i - step] : 0);
    current = 1 - current;
    __syncthreads();
  }
  const int odd = __syncthreads_count(buffer[current][i] % 2 != 0);
  const int all = __syncthreads_and(i < 200);
  const int any = __syncthreads_or(i == 77);
  to[blockIdx.x * 128 + i] = buffer[current][i] + 1000000 * (odd + all + any);
}

// Half of the block synchronizes on a barrier of its own, then hands over to the other half.
extern "C" __global__ void named_barriers(int* to) {
  __shared__ int values[64];
  const int i = static_cast<int>(threadIdx.x);
  if (i < 64) {
    values[i] = i;
    asm volatile("bar.sync 1, 64;" ::: "memory");
    to[i] = values[63 - i];
    asm volatile("bar.arrive 2, 128;" ::: "memory");
  } else {
    asm volatile("bar.sync 2, 128;" ::: "memory");
    to[i] = values[i - 64] + 100;
  }
}

extern "C" __global__ void places(unsigned* to) {
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  to[block * blockDim.x * blockDim.y * blockDim.z + thread] =
      threadIdx.x + 10 * threadIdx.y + 100 * threadIdx.z + 1000 * blockIdx.x + 10000 * blockIdx.y + 100000 * blockIdx.z;
}

extern "C" __global__ void __launch_bounds__(64, 3) bounded(int* to) { to[threadIdx.x] = 1; }
