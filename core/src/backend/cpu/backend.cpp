// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/backend.hpp"

#include <atomic>
#include <cstring>

#include "backend/cpu/isa.hpp"
#include "backend/cpu/memory.hpp"
#include "backend/cpu/register.hpp"
#include "bnas/core/stream.hpp"

namespace bnas::cpu {
namespace {

class CpuRepeated final : public Repeated {
 public:
  explicit CpuRepeated(std::function<void()> work) : work_(std::move(work)) {}
  void run() override { work_(); }

 private:
  std::function<void()> work_;
};

/// Work is done when a kernel returns, so there is nothing to wait for.
class CpuStream final : public Stream {
 public:
  explicit CpuStream(Backend& backend)
      : backend_(backend), allocator_(std::make_shared<CachingAllocator>(make_memory_source())) {}
  Backend& backend() const override { return backend_; }
  std::shared_ptr<Storage> allocate(std::size_t bytes) override { return allocator_->allocate(bytes); }
  void synchronize() override {}
  void mark_step() override { steps_.fetch_add(1, std::memory_order_relaxed); }
  std::int64_t steps_completed() const override { return steps_.load(std::memory_order_relaxed); }
  std::unique_ptr<Repeated> repeat(std::function<void()> work) override {
    return std::make_unique<CpuRepeated>(std::move(work));
  }
  MemoryStats memory() const override { return allocator_->stats(); }
  void set_memory_limit(std::size_t bytes) override { allocator_->set_limit(bytes); }

 private:
  Backend& backend_;
  std::shared_ptr<CachingAllocator> allocator_;  // outlives the stream while storage is alive
  std::atomic<std::int64_t> steps_{0};
};

class CpuBackend final : public Backend {
 public:
  CpuBackend() {
    register_elementwise(kernels_);
    register_conv(kernels_);
    register_norm(kernels_);
    register_pool(kernels_);
    register_loss(kernels_);
    register_sequence(kernels_);
    register_optim(kernels_);
    register_mixture(kernels_);
    register_weights(kernels_);
  }
  Device device() const override { return {DeviceType::cpu, 0}; }
  std::string description() const override { return "CPU, " + cpu::cpu_isa_name(); }
  DeviceMemory memory() const override { return host_memory(); }
  std::unique_ptr<Stream> make_stream() override { return std::make_unique<CpuStream>(*this); }
  void copy_to_host(void* dst, const void* src, std::size_t bytes, Stream& /*stream*/) override {
    if (bytes != 0) {
      std::memcpy(dst, src, bytes);
    }
  }
  void copy_from_host(void* dst, const void* src, std::size_t bytes, Stream& stream) override {
    copy_to_host(dst, src, bytes, stream);
  }
};

}  // namespace

Backend& backend() {
  static CpuBackend instance;
  return instance;
}

}  // namespace bnas::cpu
