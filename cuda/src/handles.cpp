// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/handles.hpp"

#include <cublas_v2.h>

#include <utility>

#include "cudnn/convolution.hpp"

namespace bnas::cuda {
namespace {

Status from_cublas(cublasStatus_t status, const char* message) {
  return status == CUBLAS_STATUS_SUCCESS ? Status{}
                                         : Status{StatusCode::cublas_error, static_cast<int>(status), message};
}

}  // namespace

std::size_t cublas_workspace_bytes(int compute_capability) {
  return compute_capability >= 90 ? std::size_t{32} << 20U : std::size_t{4} << 20U;
}

Handles::~Handles() { close(); }

Handles::Handles(Handles&& other) noexcept
    : cublas_(std::exchange(other.cublas_, nullptr)), cudnn_(std::exchange(other.cudnn_, nullptr)) {}

Handles& Handles::operator=(Handles&& other) noexcept {
  std::swap(cublas_, other.cublas_);
  std::swap(cudnn_, other.cudnn_);
  return *this;
}

void Handles::close() {
  if (cublas_ != nullptr) {
    cublasDestroy_v2(cublas_);
  }
  cudnn::close(cudnn_);
  cublas_ = nullptr;
  cudnn_ = nullptr;
}

Status Handles::open(cudaStream_t stream, void* workspace, std::size_t workspace_bytes) {
  close();
  if (const cublasStatus_t status = cublasCreate_v2(&cublas_); status != CUBLAS_STATUS_SUCCESS) {
    cublas_ = nullptr;
    return from_cublas(status, "handles: cuBLAS cannot be opened");
  }
  // In this order: setting the stream resets the workspace to one that cuBLAS allocates itself.
  const cublasStatus_t results[] = {
      cublasSetStream_v2(cublas_, stream), cublasSetWorkspace_v2(cublas_, workspace, workspace_bytes),
      cublasSetMathMode(cublas_, CUBLAS_PEDANTIC_MATH), cublasSetAtomicsMode(cublas_, CUBLAS_ATOMICS_NOT_ALLOWED),
      cublasSetPointerMode_v2(cublas_, CUBLAS_POINTER_MODE_HOST)};
  for (const cublasStatus_t result : results) {
    if (result != CUBLAS_STATUS_SUCCESS) {
      return from_cublas(result, "handles: cuBLAS refuses its settings");
    }
  }
  return cudnn::open(stream, &cudnn_);
}

}  // namespace bnas::cuda
