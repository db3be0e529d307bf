// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/core/trace.hpp"

struct CUstream_st;

namespace bnas::cuda_backend {

/// Spans as ranges of the NVTX domain `bnas`: the category as NVTX category, the name as registered string, the id as
/// payload. Null where no tool is attached, and in builds without CUDA. NVTX itself needs no GPU.
TraceSink* nvtx_sink();

/// For the list of streams in a profile; nothing without a tool. The type is that of cudaStream_t.
void nvtx_name_stream(CUstream_st* stream, const char* name);

}  // namespace bnas::cuda_backend
