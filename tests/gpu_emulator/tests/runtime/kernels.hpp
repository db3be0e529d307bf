// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

namespace bnas::test {

// Kernels of the tests, one thread per element, in blocks of 128.
void fill(cudaStream_t stream, int* y, int value, int n);
/// y = 3 y + x + c in wrapping arithmetic: no two orders of such steps give the same.
void mix(cudaStream_t stream, int* y, const int* x, int c, int n);
/// Reads x, keeps nothing of it.
void read_only(cudaStream_t stream, const int* x, int n);
void write_past_end(cudaStream_t stream, int* y, int n);
void trap(cudaStream_t stream);
void fail_assertion(cudaStream_t stream);
/// Adds `amount` to a __device__ variable of each device.
void add_to_counter(cudaStream_t stream, int amount);
int counter_of_device();
void set_factor(int factor);  // a __constant__ variable
void times_factor(cudaStream_t stream, int* y, int n);
/// Reverses one block of `n` <= 1024 elements through dynamic shared memory.
cudaError_t reverse(cudaStream_t stream, int* y, int n, std::size_t shared_bytes);

extern const void* const kFill;
extern const void* const kMix;
extern const void* const kReverse;

}  // namespace bnas::test
