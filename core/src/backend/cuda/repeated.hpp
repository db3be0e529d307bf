// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "backend/cuda/stream.hpp"

namespace bnas::cuda_backend {

/// Work as a CUDA graph: the first run is eager and fills an arena with every block that the work allocates, the second
/// is captured, all from the second on are replayed.
std::unique_ptr<Repeated> make_repeated(CudaStream& stream, std::function<void()> work);

}  // namespace bnas::cuda_backend
