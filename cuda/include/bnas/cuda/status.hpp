// SPDX-License-Identifier: Apache-2.0
// What every launcher returns, and what all of them promise:
//   - pointers are device memory of the current device; shapes are plain integers; the stream is the caller's;
//   - nothing is allocated, synchronized, printed or thrown, so that each call can be captured in a CUDA graph;
//   - scratch memory comes from the caller, who asks `<op>_workspace_bytes` for its size first (256-byte aligned);
//   - a bad argument is refused before anything is launched;
//   - thread-safe: there is no state but the device's.
#pragma once

#include <cstddef>

namespace bnas::cuda {

enum class StatusCode : int {
  ok = 0,
  invalid_argument = 1,     ///< a shape, pointer or option that the operation does not take
  unsupported = 2,          ///< valid, but this device or build cannot do it
  workspace_too_small = 3,  ///< less than `<op>_workspace_bytes`
  cuda_error = 4,           ///< `detail` is the cudaError_t
  cublas_error = 5,         ///< `detail` is the cublasStatus_t
  cudnn_error = 6,          ///< `detail` is the cudnnStatus_t
};

/// The outcome of a call; `message` is static text "operation: what is wrong".
struct [[nodiscard]] Status {
  StatusCode code = StatusCode::ok;
  int detail = 0;
  const char* message = "";

  constexpr bool ok() const { return code == StatusCode::ok; }
};

constexpr Status invalid_argument(const char* message) { return {StatusCode::invalid_argument, 0, message}; }
constexpr Status unsupported(const char* message) { return {StatusCode::unsupported, 0, message}; }

/// "ok", "invalid argument", ...
const char* status_name(StatusCode code);

/// Writes "message: status name (library's own text)" to `buffer` of `size` bytes, cut to fit, always terminated.
/// Returns the length of the whole text.
std::size_t describe(const Status& status, char* buffer, std::size_t size);

}  // namespace bnas::cuda
