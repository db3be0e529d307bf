// SPDX-License-Identifier: Apache-2.0
#include "backend/cuda/memory.hpp"

#include <cstdint>

#include "backend/cuda/nvtx.hpp"
#include "backend/cuda/status.hpp"

namespace bnas::cuda_backend {
namespace {

constexpr std::size_t kReadableTail = 64;

class Pool final : public MemorySource {
 public:
  explicit Pool(std::shared_ptr<StreamHandle> stream) : stream_(std::move(stream)) {
    cudaMemPoolProps properties{};
    properties.allocType = cudaMemAllocationTypePinned;
    properties.location = {cudaMemLocationTypeDevice, stream_->device()};
    stream_->get();
    require(cudaMemPoolCreate(&pool_, &properties), "memory pool", stream_->device());
    // Kept until the pool goes: a synchronization must not hand memory back that the next step wants again.
    std::uint64_t keep = UINT64_MAX;
    require(cudaMemPoolSetAttribute(pool_, cudaMemPoolAttrReleaseThreshold, &keep), "memory pool", stream_->device());
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() override { cudaMemPoolDestroy(pool_); }

  std::string name() const override { return "cuda:" + std::to_string(stream_->device()); }
  void* obtain(std::size_t bytes) override {
    void* data = nullptr;
    const cudaError_t error = cudaMallocFromPoolAsync(&data, bytes + kReadableTail, pool_, stream_->get());
    if (error == cudaErrorMemoryAllocation) {
      cudaGetLastError();  // not sticky: the next call must not see it
      return nullptr;
    }
    require(error, "allocate", stream_->device());
    return data;
  }
  void give_back(void* data, std::size_t /*bytes*/) override {
    cudaFreeAsync(data, stream_->get_to_clean_up());  // fails only where the context is lost, and with it the memory
  }

 private:
  std::shared_ptr<StreamHandle> stream_;
  cudaMemPool_t pool_ = nullptr;
};

}  // namespace

StreamHandle::StreamHandle(int device) : device_(device) {
  require(cudaSetDevice(device), "device", device);
  require(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "stream", device);
  nvtx_name_stream(stream_, "bnas");
}

StreamHandle::~StreamHandle() {
  cudaSetDevice(device_);
  cudaStreamDestroy(stream_);
}

cudaStream_t StreamHandle::get() const {
  int current = -1;
  if (cudaGetDevice(&current) != cudaSuccess || current != device_) {
    require(cudaSetDevice(device_), "device", device_);
  }
  return stream_;
}

cudaStream_t StreamHandle::get_to_clean_up() const noexcept {
  cudaSetDevice(device_);
  return stream_;
}

std::unique_ptr<MemorySource> make_memory_source(std::shared_ptr<StreamHandle> stream) {
  return std::make_unique<Pool>(std::move(stream));
}

}  // namespace bnas::cuda_backend
