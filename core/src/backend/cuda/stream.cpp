// SPDX-License-Identifier: Apache-2.0
#include "backend/cuda/stream.hpp"

#include <mutex>

#include "backend/cuda/recording.hpp"
#include "backend/cuda/repeated.hpp"
#include "backend/cuda/status.hpp"
#include "bnas/core/error.hpp"
#include "bnas/cuda/scratch.hpp"

namespace bnas::cuda_backend {
namespace {

const char* checked_tensor(cuda::IndexCheck op) {
  switch (op) {
    case cuda::IndexCheck::gather_batch:
      return "[gather_batch] %: order";
    case cuda::IndexCheck::advance_step:
      return "[advance_step] %: counter";
    case cuda::IndexCheck::labels:
      return "[loss] %: labels";
    case cuda::IndexCheck::embedding:
      return "[embedding] %: ids";
    case cuda::IndexCheck::none:
      break;
  }
  return "[unknown] %: index";
}

[[noreturn]] void throw_index_error(const cuda::DeviceError& error, int device) {
  std::string text = checked_tensor(error.op);
  text.replace(text.find('%'), 1, "cuda:" + std::to_string(device));
  throw Error(ErrorKind::internal, text + "[" + std::to_string(error.position) + "] is " + std::to_string(error.value) +
                                       ", expected 0 <= value < " + std::to_string(error.limit));
}

}  // namespace

CudaStream::CudaStream(Backend& backend, int device)
    : backend_(backend),
      handle_(std::make_shared<StreamHandle>(device)),
      allocator_(std::make_shared<CachingAllocator>(make_memory_source(handle_))) {
  constexpr std::size_t kSumBytes = cuda::kAccumulators * sizeof(std::int64_t);
  constexpr std::size_t kTicketBytes = cuda::kTickets * sizeof(unsigned);
  fixed_ = allocator_->allocate(kSumBytes + kTicketBytes + sizeof(cuda::DeviceError));
  auto* const fixed = static_cast<char*>(fixed_->data());
  accumulators_ = reinterpret_cast<std::int64_t*>(fixed);
  tickets_ = reinterpret_cast<unsigned*>(fixed + kSumBytes);
  error_ = reinterpret_cast<cuda::DeviceError*>(fixed + kSumBytes + kTicketBytes);
  require(cudaMemsetAsync(fixed_->data(), 0, fixed_->bytes(), get()), "stream", device);
  int major = 0, minor = 0;
  require(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device), "stream", device);
  require(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device), "stream", device);
  compute_capability_ = 10 * major + minor;
  require(cudaMallocHost(reinterpret_cast<void**>(&host_error_), sizeof(cuda::DeviceError)), "stream", device);
}

CudaStream::~CudaStream() {
  cudaStreamSynchronize(handle_->get_to_clean_up());  // what is queued may still use what dies now
  cudaFreeHost(host_error_);
  const std::unique_lock nobody_records(recording_mutex());
  handles_.reset();
}

const cuda::Handles& CudaStream::handles() {
  if (!handles_) {
    handle_workspace_ = allocator_->allocate(cuda::cublas_workspace_bytes(compute_capability_));
    cuda::Handles opened;
    require(opened.open(get(), handle_workspace_->data(), handle_workspace_->bytes()), "libraries", device_index());
    handles_ = std::move(opened);
  }
  return *handles_;
}

void CudaStream::synchronize() {
  const int device = device_index();
  require(cudaMemcpyAsync(host_error_, error_, sizeof(*error_), cudaMemcpyDeviceToHost, get()), "synchronize", device);
  require(cudaStreamSynchronize(get()), "synchronize", device);
  if (host_error_->op != cuda::IndexCheck::none) {
    require(cudaMemsetAsync(error_, 0, sizeof(*error_), get()), "synchronize", device);
    throw_index_error(*host_error_, device);
  }
}

std::unique_ptr<Repeated> CudaStream::repeat(std::function<void()> work) {
  return make_repeated(*this, std::move(work));
}

CudaStream& cuda_stream(Stream& stream) {
  auto& ours = static_cast<CudaStream&>(stream);
  ours.get();
  return ours;
}

}  // namespace bnas::cuda_backend
