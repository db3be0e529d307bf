// SPDX-License-Identifier: Apache-2.0
// The handles of NVIDIA's libraries for one stream. Their headers stay out of this one.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>

#include "bnas/cuda/status.hpp"

struct cublasContext;
struct cudnnContext;

namespace bnas::cuda {

/// Whether this build found cuDNN; without it float convolutions run on kernels of our own.
bool built_with_cudnn();

/// Workspace that open() wants for a device: 4 MiB, from sm_90 on 32 MiB (cuBLAS, "cublasSetWorkspace").
std::size_t cublas_workspace_bytes(int compute_capability);

/// cuBLAS and, in builds with it, cuDNN, bound to one stream: f32 without TF32, no atomics, so that a call gives the
/// same bits each time on devices of one kind; no allocation in a call. Like the stream, for one host thread at a time.
class Handles {
 public:
  Handles() = default;
  ~Handles();
  Handles(Handles&& other) noexcept;
  Handles& operator=(Handles&& other) noexcept;

  /// Creates the handles on the current device. This allocates: not while a graph is captured. `workspace` (256-byte
  /// aligned device memory) serves cuBLAS and must outlive the handles.
  Status open(cudaStream_t stream, void* workspace, std::size_t workspace_bytes);

  cublasContext* cublas() const { return cublas_; }  ///< null before open()
  cudnnContext* cudnn() const { return cudnn_; }     ///< null before open(), and in builds without cuDNN

 private:
  void close();

  cublasContext* cublas_ = nullptr;
  cudnnContext* cudnn_ = nullptr;
};

}  // namespace bnas::cuda
