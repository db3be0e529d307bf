// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

namespace bnas::cuda_backend {

/// Events behind the steps of one stream, used again once the device has passed them. The host runs ahead of the
/// device by as many as the launch queue holds. One thread records; any thread may ask how many have been passed.
class StepMarks {
 public:
  StepMarks() = default;
  StepMarks(const StepMarks&) = delete;
  StepMarks& operator=(const StepMarks&) = delete;
  ~StepMarks();

  void record(cudaStream_t stream, int device);
  /// Does not throw: after a fault of the device nothing more is passed.
  std::int64_t passed();

 private:
  void take_passed();  // mutex_ held

  std::mutex mutex_;
  std::deque<cudaEvent_t> ahead_;  // recorded, not yet seen to be passed
  std::vector<cudaEvent_t> spare_;
  std::int64_t passed_ = 0;
};

}  // namespace bnas::cuda_backend
