// SPDX-License-Identifier: Apache-2.0
// A packed 3x3 convolution on a stream of one's own, checked with plain loops.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "bnas/cuda/binary_conv2d.hpp"

namespace {

void require(bool good, const char* what) {
  if (!good) {
    std::fprintf(stderr, "%s\n", what);
    std::exit(1);
  }
}

std::vector<bnas::Word> random_bits(std::int64_t pixels, int channels, unsigned seed) {
  const std::int64_t words = bnas::words_for(channels);
  std::vector<bnas::Word> bits(static_cast<std::size_t>(pixels * words));
  for (std::size_t i = 0; i < bits.size(); ++i) {
    seed = seed * 1664525U + 1013904223U;
    const bool last = (static_cast<std::int64_t>(i) + 1) % words == 0;
    bits[i] = (seed ^ seed >> 15U) & (last ? bnas::tail_mask(channels) : ~0U);  // unused bits are 0
  }
  return bits;
}

int value(const std::vector<bnas::Word>& bits, std::int64_t pixel, int channel, int channels) {
  const auto word = static_cast<std::size_t>(pixel * bnas::words_for(channels) + channel / 32);
  return (bits[word] >> (channel % 32) & 1U) != 0 ? -1 : 1;
}

template <class T>
T* on_device(const std::vector<T>& values) {
  T* device = nullptr;
  require(cudaMalloc(&device, values.size() * sizeof(T)) == cudaSuccess, "no memory on the device");
  cudaMemcpy(device, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice);
  return device;
}

}  // namespace

int main() {
  bnas::Conv2dDims dims;
  dims.n = 2, dims.h = 5, dims.w = 6, dims.c = 40;  // 40 channels: 2 words a pixel
  dims.o = 9, dims.kh = dims.kw = 3;
  dims.pad_h = dims.pad_w = {1, 1};
  const auto x = random_bits(dims.n * dims.h * dims.w, dims.c, 1);
  const auto w = random_bits(dims.o * dims.kh * dims.kw, dims.c, 2);
  std::vector<std::int16_t> y(static_cast<std::size_t>(dims.n * dims.oh() * dims.ow() * dims.o));  // k() = 360 > 127

  int major = 0, minor = 0;
  cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0);
  cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0);
  const auto plan = bnas::cuda::plan_binary_conv2d(dims, 10 * major + minor);
  require(plan.status.ok(), plan.status.message);

  cudaStream_t stream = nullptr;
  require(cudaStreamCreate(&stream) == cudaSuccess, "no stream");
  bnas::Word* const device_x = on_device(x);
  bnas::Word* const device_w = on_device(w);
  std::int16_t* const device_y = on_device(y);
  const auto status = bnas::cuda::binary_conv2d(plan, device_x, device_w, device_y, nullptr, stream);
  require(status.ok(), status.message);
  cudaMemcpyAsync(y.data(), device_y, y.size() * sizeof(y[0]), cudaMemcpyDeviceToHost, stream);
  require(cudaStreamSynchronize(stream) == cudaSuccess, "the kernel failed");

  std::size_t i = 0;
  for (int n = 0; n < dims.n; ++n) {
    for (int r = 0; r < dims.oh(); ++r) {
      for (int q = 0; q < dims.ow(); ++q) {
        for (int o = 0; o < dims.o; ++o, ++i) {
          int dot = 0;
          for (int a = 0; a < 3; ++a) {
            for (int b = 0; b < 3; ++b) {
              const int row = r + a - 1, col = q + b - 1;
              for (int c = 0; row >= 0 && row < dims.h && col >= 0 && col < dims.w && c < dims.c; ++c) {
                const int input = value(x, (n * dims.h + row) * dims.w + col, c, dims.c);
                dot += input * value(w, (o * 3 + a) * 3 + b, c, dims.c);
              }
            }
          }
          require(y[i] == dot, "a dot product differs");
        }
      }
    }
  }
  std::printf("%s: %zu dot products are exact\n", bnas::cuda::binary_conv2d_info(plan).variant, y.size());
  cudaFree(device_x), cudaFree(device_w), cudaFree(device_y), cudaStreamDestroy(stream);
  return 0;
}
