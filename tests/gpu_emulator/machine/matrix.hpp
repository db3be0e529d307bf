// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ptx/statement.hpp"

namespace bnas::emu {

/// Makes an instruction wait for all 32 lanes.
void execute_by_whole_warp(const Statement& s, Instruction& i);
/// wmma.load and wmma.store.
void bind_wmma_memory(const Statement& s, Instruction& i);

}  // namespace bnas::emu
