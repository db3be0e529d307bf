// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "bnas/cuda/device_error.hpp"
#include "bnas/cuda/status.hpp"

namespace bnas::cuda {

/// y (n, width) = table[ids]; table (vocabulary, width), ids (n). An id outside the table is noted in `error`; its row
/// is 0. One launch.
Status embedding(const float* table, int vocabulary, int width, const std::int32_t* ids, std::int64_t n, float* y,
                 DeviceError* error, cudaStream_t stream);

/// dtable (vocabulary, width) = dy (n, width) added up by ids, or += with `accumulate`, in order of n: the bits of the
/// CPU. An id outside the table is noted in `error` and adds nothing. One launch. Meant for small vocabularies: each
/// block of it reads all ids.
Status embedding_backward(const float* dy, const std::int32_t* ids, std::int64_t n, int vocabulary, int width,
                          float* dtable, bool accumulate, DeviceError* error, cudaStream_t stream);

}  // namespace bnas::cuda
