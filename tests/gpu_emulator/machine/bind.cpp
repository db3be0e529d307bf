// SPDX-License-Identifier: Apache-2.0
#include "machine/bind.hpp"

namespace bnas::emu {
namespace {

FamilyTable make_table() {
  FamilyTable table;
  add_integer(table);
  add_wide_integer(table);
  add_bits(table);
  add_float(table);
  add_math(table);
  add_compare(table);
  add_convert(table);
  add_move(table);
  add_memory(table);
  add_atomic(table);
  add_async_copy(table);
  add_warp(table);
  add_matrix(table);
  add_matrix_memory(table);
  add_calls(table);
  return table;
}

}  // namespace

void bind_instruction(const Statement& statement, Instruction& instruction) {
  static const FamilyTable kTable = make_table();
  const auto it = kTable.find(statement.mnemonic());
  if (it == kTable.end()) {
    statement.unsupported();
  }
  it->second(statement, instruction);
  if (instruction.run == nullptr && instruction.control != Control::barrier) {
    statement.unsupported();
  }
}

}  // namespace bnas::emu
