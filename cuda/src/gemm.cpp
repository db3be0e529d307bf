// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/gemm.hpp"

#include <cublas_v2.h>

#include <algorithm>

namespace bnas::cuda {

// cuBLAS reads columns one after another: our c is its transpose, and c^T = op(b)^T op(a)^T.
Status gemm(const Handles& handles, int m, int n, int k, const float* a, bool transpose_a, const float* b,
            bool transpose_b, float* c, bool accumulate) {
  if (m < 0 || n < 0 || k < 0) {
    return invalid_argument("gemm: a length is negative");
  }
  if (m == 0 || n == 0) {
    return {};
  }
  if (c == nullptr || (k > 0 && (a == nullptr || b == nullptr))) {
    return invalid_argument("gemm: a, b or c is null");
  }
  if (handles.cublas() == nullptr) {
    return invalid_argument("gemm: the handles are not open");
  }
  const float one = 1.0F;
  const float beta = accumulate ? 1.0F : 0.0F;
  const auto transposed = [](bool transpose) { return transpose ? CUBLAS_OP_T : CUBLAS_OP_N; };
  const int row_a = std::max(transpose_a ? m : k, 1);  // cuBLAS wants positive strides, also of nothing
  const int row_b = std::max(transpose_b ? k : n, 1);
  const cublasStatus_t status = cublasSgemm_v2(handles.cublas(), transposed(transpose_b), transposed(transpose_a), n, m,
                                               k, &one, b, row_b, a, row_a, &beta, c, n);
  return status == CUBLAS_STATUS_SUCCESS ? Status{}
                                         : Status{StatusCode::cublas_error, static_cast<int>(status), "gemm"};
}

}  // namespace bnas::cuda
