// SPDX-License-Identifier: Apache-2.0
// From CUDA's results to Errors.
#pragma once

#include <cuda_runtime_api.h>

#include "bnas/cuda/status.hpp"

namespace bnas::cuda_backend {

/// True for results after which the CUDA context, and with it the process, is of no more use.
bool is_sticky(cudaError_t error);

/// Throws unless `error` is cudaSuccess: `unavailable` when memory or the device is not to be had, `device_fault` with
/// the CUDA error for sticky ones, else `internal`. `what` names the call and, where known, sizes.
void require(cudaError_t error, const char* what, int device);
/// The same of a launcher's status; "[op] cuda:0: ...".
void require(const cuda::Status& status, const char* op, int device);

}  // namespace bnas::cuda_backend
