// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ptx/contents.hpp"
#include "ptx/statement.hpp"

namespace bnas::emu {

/// Decodes a kernel and all functions that it reaches. `bind` chooses how each instruction is executed; control flow is
/// the decoder's own. Throws PtxError.
///
/// A call of a function without body reaches `bind` as the statement `call` with the function's name and the local
/// offsets of arguments (operand 0: a list of numbers; operand 1: the result's, if any) and the name as operand 2.
Program decode_kernel(const ModuleContents& contents, const Function& kernel, Binder bind);

}  // namespace bnas::emu
