// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <shared_mutex>

namespace bnas::cuda_backend {

/// Shared by threads that record a graph; exclusive for what synchronizes a device. That is illegal while any of its
/// streams records, whichever thread does it, and ends the recording (CUDA programming guide, "Prohibited and Unhandled
/// Operations"); cublasDestroy and cudnnDestroy do.
inline std::shared_mutex& recording_mutex() {
  static std::shared_mutex mutex;
  return mutex;
}

}  // namespace bnas::cuda_backend
