// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/status.hpp"

#include <cuda_runtime_api.h>

#include <cstdio>

namespace bnas::cuda {

const char* status_name(StatusCode code) {
  switch (code) {
    case StatusCode::ok:
      return "ok";
    case StatusCode::invalid_argument:
      return "invalid argument";
    case StatusCode::unsupported:
      return "unsupported";
    case StatusCode::workspace_too_small:
      return "workspace too small";
    case StatusCode::cuda_error:
      return "CUDA error";
    case StatusCode::cublas_error:
      return "cuBLAS error";
    case StatusCode::cudnn_error:
      return "cuDNN error";
  }
  return "unknown status";
}

std::size_t describe(const Status& status, char* buffer, std::size_t size) {
  int length = 0;
  if (status.code == StatusCode::cuda_error) {
    const auto error = static_cast<cudaError_t>(status.detail);
    length = std::snprintf(buffer, size, "%s: CUDA error %d, %s (%s)", status.message, status.detail,
                           cudaGetErrorString(error), cudaGetErrorName(error));
  } else if (status.detail != 0) {
    length = std::snprintf(buffer, size, "%s: %s %d", status.message, status_name(status.code), status.detail);
  } else {
    length = std::snprintf(buffer, size, "%s: %s", status.message, status_name(status.code));
  }
  return length < 0 ? 0 : static_cast<std::size_t>(length);
}

}  // namespace bnas::cuda
