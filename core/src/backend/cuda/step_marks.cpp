// SPDX-License-Identifier: Apache-2.0
#include "backend/cuda/step_marks.hpp"

#include "backend/cuda/status.hpp"

namespace bnas::cuda_backend {

StepMarks::~StepMarks() {
  for (const cudaEvent_t event : ahead_) {
    cudaEventDestroy(event);
  }
  for (const cudaEvent_t event : spare_) {
    cudaEventDestroy(event);
  }
}

void StepMarks::record(cudaStream_t stream, int device) {
  const std::lock_guard lock(mutex_);
  take_passed();
  if (spare_.empty()) {
    cudaEvent_t event = nullptr;
    require(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "step mark", device);
    spare_.push_back(event);
  }
  require(cudaEventRecord(spare_.back(), stream), "step mark", device);
  ahead_.push_back(spare_.back());
  spare_.pop_back();
}

std::int64_t StepMarks::passed() {
  const std::lock_guard lock(mutex_);
  take_passed();
  return passed_;
}

void StepMarks::take_passed() {
  while (!ahead_.empty()) {
    const cudaError_t state = cudaEventQuery(ahead_.front());
    if (state != cudaSuccess) {
      if (state == cudaErrorNotReady) {
        cudaGetLastError();  // no error: the next call must not see one
      }
      return;
    }
    spare_.push_back(ahead_.front());
    ahead_.pop_front();
    ++passed_;
  }
}

}  // namespace bnas::cuda_backend
