// SPDX-License-Identifier: Apache-2.0
#include "backend/cuda/backend.hpp"

#include <cuda_runtime_api.h>

#include <map>
#include <memory>
#include <mutex>

#include "backend/cuda/register.hpp"
#include "backend/cuda/status.hpp"
#include "backend/cuda/stream.hpp"
#include "bnas/core/error.hpp"

namespace bnas::cuda_backend {
namespace {

class CudaBackend final : public Backend {
 public:
  explicit CudaBackend(int index) : index_(index) {
    cudaDeviceProp properties{};
    require(cudaGetDeviceProperties(&properties, index), "device", index);
    constexpr double kGiB = 1024.0 * 1024.0 * 1024.0;
    const auto tenths = static_cast<int>(10.0 * static_cast<double>(properties.totalGlobalMem) / kGiB);
    description_ = std::string(properties.name) + ", compute capability " + std::to_string(properties.major) + "." +
                   std::to_string(properties.minor) + ", " + std::to_string(tenths / 10) + "." +
                   std::to_string(tenths % 10) + " GiB";
    register_elementwise(kernels_);
    register_sign(kernels_);
    register_latent_weights(kernels_);
    register_binary_conv(kernels_);
    register_conv(kernels_);
    register_norm(kernels_);
    register_pool(kernels_);
    register_loss(kernels_);
    register_sequence(kernels_);
    register_optim(kernels_);
    register_mixture(kernels_);
    register_weights(kernels_);
  }

  Device device() const override { return {DeviceType::cuda, index_}; }
  std::string description() const override { return description_; }
  DeviceMemory memory() const override {
    std::size_t free = 0, total = 0;
    require(cudaSetDevice(index_), "device", index_);
    require(cudaMemGetInfo(&free, &total), "device memory", index_);
    return {free, total};
  }
  std::unique_ptr<Stream> make_stream() override { return std::make_unique<CudaStream>(*this, index_); }
  void copy_to_host(void* dst, const void* src, std::size_t bytes, Stream& stream) override {
    copy(dst, src, bytes, cudaMemcpyDeviceToHost, stream);
  }
  void copy_from_host(void* dst, const void* src, std::size_t bytes, Stream& stream) override {
    copy(dst, src, bytes, cudaMemcpyHostToDevice, stream);  // pageable memory is staged before the call returns
  }

 private:
  void copy(void* dst, const void* src, std::size_t bytes, cudaMemcpyKind kind, Stream& stream) const {
    if (bytes != 0) {
      require(cudaMemcpyAsync(dst, src, bytes, kind, cuda_stream(stream).get()), "copy", index_);
    }
  }

  int index_;
  std::string description_;
};

}  // namespace

Devices devices() {
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess && count > 0) {
    return {count, {}};
  }
  cudaGetLastError();
  return {0, std::string("no CUDA device can be used (") +
                 (error == cudaSuccess ? "there is none" : cudaGetErrorString(error)) +
                 "); look at nvidia-smi and CUDA_VISIBLE_DEVICES, or use --device cpu"};
}

Backend& backend(int index) {
  static std::mutex mutex;
  static auto* const backends = new std::map<int, std::unique_ptr<CudaBackend>>;  // live until the program ends
  const std::lock_guard lock(mutex);
  auto& found = (*backends)[index];
  if (!found) {
    found = std::make_unique<CudaBackend>(index);
  }
  return *found;
}

}  // namespace bnas::cuda_backend
