// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/elementwise.hpp"

#include "support/packed_rows.cuh"

namespace bnas::cuda {
namespace {

/// Formulas of one element; b is 0 where the map has one input.
struct Add {
  __device__ float operator()(float a, float b) const { return a + b; }
};
struct Scale {
  float factor;
  __device__ float operator()(float x, float) const { return factor * x; }
};
struct Sigmoid {
  __device__ float operator()(float x, float) const { return 1.0F / (1.0F + expf(-x)); }
};
struct SigmoidBackward {
  __device__ float operator()(float dy, float y) const { return dy * (y * (1.0F - y)); }
};
struct Relu {
  __device__ float operator()(float x, float) const { return x < 0.0F ? 0.0F : x; }
};
struct ReluBackward {
  __device__ float operator()(float dy, float y) const { return y > 0.0F ? dy : 0.0F; }
};

/// Four elements a thread; `aligned`: all arrays begin at multiples of 16 bytes. b may be null.
template <class Map>
__global__ void map_kernel(const Map map, const float* a, const float* b, std::int64_t n, float* y, bool accumulate,
                           bool aligned) {
  grid_stride((n + kQuad - 1) / kQuad, [=](std::int64_t i) {
    const std::int64_t left = n - i * kQuad;
    const Quad quad{0, i * kQuad, 0, left < kQuad ? static_cast<int>(left) : kQuad, aligned && left >= kQuad};
    const Four<float> first = load(a, quad, 0.0F);
    const Four<float> second = b == nullptr ? Four<float>{} : load(b, quad, 0.0F);
    Four<float> sum = accumulate ? load<float>(y, quad, 0.0F) : Four<float>{};
#pragma unroll
    for (int k = 0; k < kQuad; ++k) {
      write(sum.v + k, map(first.v[k], second.v[k]), accumulate);
    }
    store(y, quad, sum);
  });
}

template <class Map>
Status launch(const char* op, const Map& map, const float* a, const float* b, std::int64_t n, float* y, bool accumulate,
              cudaStream_t stream) {
  if (n == 0) {
    return {};
  }
  map_kernel<<<blocks_for((n + kQuad - 1) / kQuad), kBlockThreads, 0, stream>>>(
      map, a, b, n, y, accumulate,
      is_aligned(a, sizeof(Four<float>)) && is_aligned(b, sizeof(Four<float>)) && is_aligned(y, sizeof(Four<float>)));
  return launched(op);
}

}  // namespace

Status copy(const void* x, std::size_t bytes, void* y, cudaStream_t stream) {
  if (bytes == 0 || x == y) {
    return {};
  }
  if (x == nullptr || y == nullptr) {
    return invalid_argument("copy: x or y is null");
  }
  return from_cuda(cudaMemcpyAsync(y, x, bytes, cudaMemcpyDeviceToDevice, stream), "copy");
}

Status add(const float* a, const float* b, std::int64_t n, float* y, cudaStream_t stream) {
  if (n < 0 || (n > 0 && (a == nullptr || b == nullptr || y == nullptr))) {
    return invalid_argument("add: a, b or y is null, or n is negative");
  }
  return launch("add", Add{}, a, b, n, y, false, stream);
}

Status scale(const float* x, std::int64_t n, float factor, float* y, bool accumulate, cudaStream_t stream) {
  if (n < 0 || (n > 0 && (x == nullptr || y == nullptr))) {
    return invalid_argument("scale: x or y is null, or n is negative");
  }
  return launch("scale", Scale{factor}, x, nullptr, n, y, accumulate, stream);
}

Status sigmoid(const float* x, std::int64_t n, float* y, cudaStream_t stream) {
  if (n < 0 || (n > 0 && (x == nullptr || y == nullptr))) {
    return invalid_argument("sigmoid: x or y is null, or n is negative");
  }
  return launch("sigmoid", Sigmoid{}, x, nullptr, n, y, false, stream);
}

Status sigmoid_backward(const float* dy, const float* y, std::int64_t n, float* dx, bool accumulate,
                        cudaStream_t stream) {
  if (n < 0 || (n > 0 && (dy == nullptr || y == nullptr || dx == nullptr))) {
    return invalid_argument("sigmoid_backward: dy, y or dx is null, or n is negative");
  }
  return launch("sigmoid_backward", SigmoidBackward{}, dy, y, n, dx, accumulate, stream);
}

Status relu(const float* x, std::int64_t n, float* y, cudaStream_t stream) {
  if (n < 0 || (n > 0 && (x == nullptr || y == nullptr))) {
    return invalid_argument("relu: x or y is null, or n is negative");
  }
  return launch("relu", Relu{}, x, nullptr, n, y, false, stream);
}

Status relu_backward(const float* dy, const float* y, std::int64_t n, float* dx, bool accumulate, cudaStream_t stream) {
  if (n < 0 || (n > 0 && (dy == nullptr || y == nullptr || dx == nullptr))) {
    return invalid_argument("relu_backward: dy, y or dx is null, or n is negative");
  }
  return launch("relu_backward", ReluBackward{}, dy, y, n, dx, accumulate, stream);
}

}  // namespace bnas::cuda
