// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/fill.hpp"

#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

/// Four of T that are written at once.
template <class T>
struct alignas(4 * sizeof(T)) Vector {
  T v[4];
};

/// `vectors` of them from the beginning, then single elements up to n.
template <class T>
__global__ void fill_kernel(T* y, std::int64_t n, std::int64_t vectors, T value) {
  grid_stride(n - 3 * vectors, [=](std::int64_t i) {
    if (i < vectors) {
      reinterpret_cast<Vector<T>*>(y)[i] = {value, value, value, value};
    } else {
      y[3 * vectors + i] = value;
    }
  });
}

template <class T>
Status launch(T* y, std::int64_t n, T value, cudaStream_t stream) {
  if (n < 0 || (y == nullptr && n > 0)) {
    return invalid_argument("fill: y is null or n is negative");
  }
  if (n == 0) {
    return {};
  }
  const std::int64_t vectors = is_aligned(y, sizeof(Vector<T>)) ? n / 4 : 0;
  fill_kernel<<<blocks_for(n - 3 * vectors), kBlockThreads, 0, stream>>>(y, n, vectors, value);
  return launched("fill");
}

}  // namespace

Status fill(float* y, std::int64_t n, float value, cudaStream_t stream) { return launch(y, n, value, stream); }
Status fill(Word* y, std::int64_t n, Word value, cudaStream_t stream) { return launch(y, n, value, stream); }
Status fill(std::uint8_t* y, std::int64_t n, std::uint8_t value, cudaStream_t stream) {
  return launch(y, n, value, stream);
}

}  // namespace bnas::cuda
