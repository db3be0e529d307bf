// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <unordered_map>

#include "ptx/statement.hpp"

namespace bnas::emu {

/// The instructions that the machine knows, by mnemonic. Each family of instructions adds its own.
using FamilyTable = std::unordered_map<std::string, Binder>;

void add_integer(FamilyTable& table);
void add_wide_integer(FamilyTable& table);
void add_bits(FamilyTable& table);
void add_float(FamilyTable& table);
void add_math(FamilyTable& table);
void add_compare(FamilyTable& table);
void add_convert(FamilyTable& table);
void add_move(FamilyTable& table);
void add_memory(FamilyTable& table);
void add_atomic(FamilyTable& table);
void add_async_copy(FamilyTable& table);
void add_warp(FamilyTable& table);
void add_matrix(FamilyTable& table);
void add_matrix_memory(FamilyTable& table);
void add_calls(FamilyTable& table);

/// Chooses how an instruction is executed. Throws PtxError for one that is not supported.
void bind_instruction(const Statement& statement, Instruction& instruction);

}  // namespace bnas::emu
