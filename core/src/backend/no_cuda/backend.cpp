// SPDX-License-Identifier: Apache-2.0
#include "backend/cuda/backend.hpp"
#include "bnas/core/error.hpp"

namespace bnas::cuda_backend {

Devices devices() { return {0, "this build has no CUDA backend; use --device cpu"}; }

Backend& backend(int index) {
  throw Error(ErrorKind::internal, "[backend] cuda:" + std::to_string(index) + " in a build without CUDA");
}

}  // namespace bnas::cuda_backend
