// SPDX-License-Identifier: Apache-2.0
// The calls of cuBLAS that bnas makes, as plain loops ordered on the handle's stream. Other calls are absent.
#include <cublas_v2.h>

#include <algorithm>
#include <optional>

#include "doubles/device_work.hpp"
#include "doubles/gemm.hpp"

struct cublasContext {
  cudaStream_t stream = nullptr;
  void* workspace = nullptr;
  std::size_t workspace_bytes = 0;
  cublasMath_t math = CUBLAS_DEFAULT_MATH;
  cublasPointerMode_t pointers = CUBLAS_POINTER_MODE_HOST;
  cublasAtomicsMode_t atomics = CUBLAS_ATOMICS_NOT_ALLOWED;
};

namespace {

using namespace bnas::emu;

std::optional<Number> number(cudaDataType type) {
  switch (type) {
    case CUDA_R_32F:
      return Number::f32;
    case CUDA_R_16F:
      return Number::f16;
    case CUDA_R_16BF:
      return Number::bf16;
    default:
      return std::nullopt;
  }
}

std::optional<InputRounding> rounding_of(cublasComputeType_t type, cublasMath_t math) {
  switch (type) {
    case CUBLAS_COMPUTE_32F:
      return math == CUBLAS_TF32_TENSOR_OP_MATH ? InputRounding::tf32 : InputRounding::none;
    case CUBLAS_COMPUTE_32F_PEDANTIC:
      return InputRounding::none;
    case CUBLAS_COMPUTE_32F_FAST_TF32:
      return InputRounding::tf32;
    case CUBLAS_COMPUTE_32F_FAST_16BF:
      return InputRounding::bf16;
    case CUBLAS_COMPUTE_32F_FAST_16F:
      return InputRounding::f16;
    default:
      return std::nullopt;
  }
}

struct Argument {
  const void* address;
  cudaDataType type;
  int leading;
  long long step;
};

// `rows` and `columns` as stored.
std::optional<Matrix> matrix(const Argument& argument, int rows, int columns) {
  const auto type = number(argument.type);
  if (!type) {
    return std::nullopt;
  }
  return Matrix{const_cast<void*>(argument.address),
                *type,
                static_cast<std::size_t>(rows),
                static_cast<std::size_t>(columns),
                static_cast<std::size_t>(argument.leading),
                static_cast<std::ptrdiff_t>(argument.step)};
}

void declare(DeviceWork& work, const Matrix& m, std::size_t batch, bool write) {
  for (std::size_t i = 0; i < (m.batch_step == 0 ? 1 : batch); ++i) {
    if (write) {
      work.writes(m.of_batch(i), m.column_bytes(), m.columns, m.pitch());
    } else {
      work.reads(m.of_batch(i), m.column_bytes(), m.columns, m.pitch());
    }
  }
}

// Enqueues; in device pointer mode the factors are read when it runs.
cublasStatus_t enqueue(const cublasContext& handle, Gemm gemm, const void* alpha, const void* beta) {
  const bool on_device = handle.pointers == CUBLAS_POINTER_MODE_DEVICE;
  DeviceWork work;
  declare(work, gemm.a, gemm.batch, false);
  declare(work, gemm.b, gemm.batch, false);
  if (on_device) {
    work.reads(alpha, sizeof(float));
    work.reads(beta, sizeof(float));
  } else {
    gemm.alpha = static_cast<double>(*static_cast<const float*>(alpha));
    gemm.beta = static_cast<double>(*static_cast<const float*>(beta));
    if (gemm.beta != 0) {
      declare(work, gemm.c, gemm.batch, false);
    }
  }
  declare(work, gemm.c, gemm.batch, true);
  if (handle.workspace_bytes > 0) {  // two streams must not share one
    work.writes(handle.workspace, handle.workspace_bytes);
  }
  const auto body = [gemm, alpha, beta, on_device]() mutable {
    if (on_device) {
      gemm.alpha = static_cast<double>(*contents(static_cast<const float*>(alpha), sizeof(float)));
      gemm.beta = static_cast<double>(*contents(static_cast<const float*>(beta), sizeof(float)));
    }
    gemm.run();
  };
  return work.enqueue(handle.stream, "cublas gemm", body) == cudaSuccess ? CUBLAS_STATUS_SUCCESS
                                                                         : CUBLAS_STATUS_EXECUTION_FAILED;
}

template <typename T, typename Value>
cublasStatus_t set(cublasHandle_t handle, T cublasContext::*field, Value value) {
  if (!handle) {
    return CUBLAS_STATUS_NOT_INITIALIZED;
  }
  handle->*field = value;
  return CUBLAS_STATUS_SUCCESS;
}

template <typename T>
cublasStatus_t get(cublasHandle_t handle, T cublasContext::*field, T* value) {
  if (!handle || !value) {
    return handle ? CUBLAS_STATUS_INVALID_VALUE : CUBLAS_STATUS_NOT_INITIALIZED;
  }
  *value = handle->*field;
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

extern "C" {

cublasStatus_t cublasCreate_v2(cublasHandle_t* handle) {
  if (!handle) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  // As the real one: needs a device, allocates, and so cannot be called while a stream is captured.
  if (cudaFree(nullptr) != cudaSuccess) {
    return CUBLAS_STATUS_NOT_INITIALIZED;
  }
  *handle = new cublasContext;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  if (!handle) {
    return CUBLAS_STATUS_NOT_INITIALIZED;
  }
  (void)cudaDeviceSynchronize();  // cuBLAS, "cublasDestroy": implicitly
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetVersion_v2(cublasHandle_t, int* version) {
  if (!version) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  *version = CUBLAS_VERSION;
  return CUBLAS_STATUS_SUCCESS;
}

// A workspace belongs to one stream: choosing another stream drops it.
cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  if (handle) {
    handle->workspace_bytes = 0;
  }
  return set(handle, &cublasContext::stream, stream);
}

cublasStatus_t cublasGetStream_v2(cublasHandle_t handle, cudaStream_t* stream) {
  return get(handle, &cublasContext::stream, stream);
}

cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void* workspace, std::size_t bytes) {
  if (handle && reinterpret_cast<std::uintptr_t>(workspace) % 256 != 0) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  set(handle, &cublasContext::workspace, workspace);
  return set(handle, &cublasContext::workspace_bytes, workspace ? bytes : 0);
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
  return set(handle, &cublasContext::math, mode);
}

cublasStatus_t cublasGetMathMode(cublasHandle_t handle, cublasMath_t* mode) {
  return get(handle, &cublasContext::math, mode);
}

cublasStatus_t cublasSetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t mode) {
  return set(handle, &cublasContext::pointers, mode);
}

cublasStatus_t cublasGetPointerMode_v2(cublasHandle_t handle, cublasPointerMode_t* mode) {
  return get(handle, &cublasContext::pointers, mode);
}

cublasStatus_t cublasSetAtomicsMode(cublasHandle_t handle, cublasAtomicsMode_t mode) {
  return set(handle, &cublasContext::atomics, mode);
}

cublasStatus_t cublasGetAtomicsMode(cublasHandle_t handle, cublasAtomicsMode_t* mode) {
  return get(handle, &cublasContext::atomics, mode);
}

cublasStatus_t cublasGemmStridedBatchedEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb,
                                          int m, int n, int k, const void* alpha, const void* a, cudaDataType a_type,
                                          int lda, long long a_step, const void* b, cudaDataType b_type, int ldb,
                                          long long b_step, const void* beta, void* c, cudaDataType c_type, int ldc,
                                          long long c_step, int batch, cublasComputeType_t compute, cublasGemmAlgo_t) {
  if (!handle) {
    return CUBLAS_STATUS_NOT_INITIALIZED;
  }
  const bool ta = transa != CUBLAS_OP_N;
  const bool tb = transb != CUBLAS_OP_N;
  if (m < 0 || n < 0 || k < 0 || batch < 0 || lda < std::max(1, ta ? k : m) || ldb < std::max(1, tb ? n : k) ||
      ldc < std::max(1, m) || !alpha || !beta) {
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  const auto am = matrix({a, a_type, lda, a_step}, ta ? k : m, ta ? m : k);
  const auto bm = matrix({b, b_type, ldb, b_step}, tb ? n : k, tb ? k : n);
  const auto cm = matrix({c, c_type, ldc, c_step}, m, n);
  const auto rounding = rounding_of(compute, handle->math);
  if (!am || !bm || !cm || !rounding || a_type != b_type || (c_type != a_type && c_type != CUDA_R_32F)) {
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  if (m == 0 || n == 0 || batch == 0) {
    return CUBLAS_STATUS_SUCCESS;
  }
  return enqueue(*handle,
                 {*am, *bm, *cm, ta, tb, static_cast<std::size_t>(k), static_cast<std::size_t>(batch), 1, 0, *rounding},
                 alpha, beta);
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n,
                            int k, const void* alpha, const void* a, cudaDataType a_type, int lda, const void* b,
                            cudaDataType b_type, int ldb, const void* beta, void* c, cudaDataType c_type, int ldc,
                            cublasComputeType_t compute, cublasGemmAlgo_t algorithm) {
  return cublasGemmStridedBatchedEx(handle, transa, transb, m, n, k, alpha, a, a_type, lda, 0, b, b_type, ldb, 0, beta,
                                    c, c_type, ldc, 0, 1, compute, algorithm);
}

cublasStatus_t cublasSgemm_v2(cublasHandle_t handle, cublasOperation_t transa, cublasOperation_t transb, int m, int n,
                              int k, const float* alpha, const float* a, int lda, const float* b, int ldb,
                              const float* beta, float* c, int ldc) {
  return cublasGemmEx(handle, transa, transb, m, n, k, alpha, a, CUDA_R_32F, lda, b, CUDA_R_32F, ldb, beta, c,
                      CUDA_R_32F, ldc, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
}

const char* cublasGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
    default:
      return "<unknown>";
  }
}

const char* cublasGetStatusString(cublasStatus_t status) { return cublasGetStatusName(status); }

}  // extern "C"
