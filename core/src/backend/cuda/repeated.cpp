// SPDX-License-Identifier: Apache-2.0
#include "backend/cuda/repeated.hpp"

#include <mutex>

#include "backend/cuda/recording.hpp"
#include "backend/cuda/status.hpp"

namespace bnas::cuda_backend {
namespace {

class CudaRepeated final : public Repeated {
 public:
  CudaRepeated(CudaStream& stream, std::function<void()> work)
      : stream_(stream), work_(std::move(work)), allocator_(stream.allocator()), arena_(allocator_->make_arena()) {}
  CudaRepeated(const CudaRepeated&) = delete;
  CudaRepeated& operator=(const CudaRepeated&) = delete;
  ~CudaRepeated() override {
    if (graph_ != nullptr) {
      cudaStreamSynchronize(stream_.get_to_clean_up());  // a replay may be under way
      cudaGraphExecDestroy(graph_);
    }
  }

  void run() override {
    if (!warm_) {
      const InArena inside(*this, false);
      work_();
      warm_ = true;
      return;
    }
    if (graph_ == nullptr) {
      capture();
    }
    require(cudaGraphLaunch(graph_, stream_.get()), "graph launch", stream_.device_index());
  }

 private:
  /// Allocations come from the arena for as long as it lives; sealed, they must not need new blocks.
  class InArena {
   public:
    InArena(CudaRepeated& owner, bool sealed) : allocator_(*owner.allocator_) {
      allocator_.use(owner.arena_);
      allocator_.seal(sealed);
    }
    InArena(const InArena&) = delete;
    InArena& operator=(const InArena&) = delete;
    ~InArena() {
      allocator_.seal(false);
      allocator_.use(nullptr);
    }

   private:
    CachingAllocator& allocator_;
  };

  void capture() {
    const std::shared_lock recording(recording_mutex());
    const int device = stream_.device_index();
    cudaGraph_t recorded = nullptr;
    require(cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeThreadLocal), "graph capture", device);
    try {
      const InArena inside(*this, true);
      work_();
    } catch (...) {
      cudaStreamEndCapture(stream_.get(), &recorded);
      cudaGraphDestroy(recorded);
      cudaGetLastError();
      throw;
    }
    require(cudaStreamEndCapture(stream_.get(), &recorded), "graph capture", device);
    const cudaError_t error = cudaGraphInstantiate(&graph_, recorded, 0);
    cudaGraphDestroy(recorded);
    require(error, "graph instantiation", device);
  }

  CudaStream& stream_;
  std::function<void()> work_;
  std::shared_ptr<CachingAllocator> allocator_;
  std::shared_ptr<CachingAllocator::Arena> arena_;
  cudaGraphExec_t graph_ = nullptr;
  bool warm_ = false;
};

}  // namespace

std::unique_ptr<Repeated> make_repeated(CudaStream& stream, std::function<void()> work) {
  return std::make_unique<CudaRepeated>(stream, std::move(work));
}

}  // namespace bnas::cuda_backend
