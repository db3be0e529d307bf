// SPDX-License-Identifier: Apache-2.0
// What core asks of the CUDA backend, whether it is built (backend/cuda) or not (backend/no_cuda). No CUDA header.
#pragma once

#include <string>

#include "bnas/core/backend.hpp"

namespace bnas::cuda_backend {

/// Devices that this process can use.
struct Devices {
  int count = 0;
  std::string reason;  ///< where count is 0: why, and what to do
};

Devices devices();
/// The backend of device `index` < devices().count, made on first use: creates the device's context in this process.
Backend& backend(int index);

}  // namespace bnas::cuda_backend
