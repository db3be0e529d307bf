// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/runtime.hpp"

namespace bnas::emu {

cudaGraphExec_t instantiate(Runtime& rt, const CUgraph_st& graph);
void destroy_executable(Runtime& rt, cudaGraphExec_t handle);

/// Enqueues all nodes on lanes of their own, between two marks in the stream.
void launch(Runtime& rt, Lock& lock, CUgraphExec_st& executable, CUstream_st& stream);

/// Takes over the work of a graph of the same shape; on any other result nothing is changed. `node`: the first that
/// differs.
cudaGraphExecUpdateResult update(CUgraphExec_st& executable, const CUgraph_st& graph, const CUgraphNode_st** node);

/// The node of the executable graph that was made from this one. Throws ApiError.
CUgraphExec_st::Node& made_from(CUgraphExec_st& executable, const CUgraphNode_st* node);

}  // namespace bnas::emu
