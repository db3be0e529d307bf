// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ptx/contents.hpp"

namespace bnas::emu {

/// What stands between the commas of an instruction.
struct Operand {
  enum class Kind : u8 { reg, number, symbol, vector, memory, list, sink, special };
  Kind kind = Kind::number;
  std::string name;
  Type type = Type::NONE;  ///< of a register
  int at = -1;             ///< of a register
  bool negated = false;    ///< predicate after `!`
  s64 added = 0;           ///< after `+`
  const Symbol* symbol = nullptr;
  std::vector<Operand> parts;   ///< of a vector, a list in parentheses, or a memory operand (its address first)
  std::vector<Operand> second;  ///< what stands after `|`: at most one

  bool is_register() const { return kind == Kind::reg; }
};

/// Hands out room in the register file while a kernel is decoded.
class RegisterAllocator {
 public:
  explicit RegisterAllocator(Program& program) : program_(program) {}
  int allocate(Slot slot);
  /// A register of all lanes that always holds `value`.
  int constant(u64 value, Slot slot);
  int special(const std::string& name, Slot slot, int line);
  /// A destination that nobody reads.
  int scratch();

  /// Constants relative to the start of dynamic shared memory, which is known at the end.
  int dynamic_shared(s64 added, Slot slot);
  void resolve_dynamic_shared(std::size_t start);

 private:
  Program& program_;
  std::map<std::pair<u64, Slot>, int> constants_;
  std::map<std::pair<std::string, Slot>, int> specials_;
  std::vector<std::pair<std::size_t, s64>> dynamic_;
  int scratch_ = -1;
};

/// One parsed instruction: its words, operands, and what is needed to turn operands into registers.
class Statement {
 public:
  Statement(RegisterAllocator& registers, const std::string& opcode, std::vector<Operand> operands, int line,
            std::string_view text);

  const std::string& mnemonic() const { return words_.front(); }
  const std::vector<std::string>& words() const { return words_; }
  bool has(std::string_view modifier) const;
  Type type() const { return type_; }              ///< the last type among the modifiers
  Type other_type() const { return other_type_; }  ///< the one before it
  const std::vector<Type>& types() const { return types_; }
  Slot slot() const { return slot_of(type_); }
  int line() const { return line_; }

  std::size_t size() const { return operands_.size(); }
  const Operand& operand(std::size_t i) const;

  /// The register that operand i writes. Throws PtxError for what is not a register.
  int target(std::size_t i) const { return target(operand(i)); }
  int target(const Operand& o) const;
  /// The predicate after `|` of operand i; -1 when there is none.
  int second_target(std::size_t i) const;
  /// A register that holds operand i: its own, or a constant. Predicates may carry kNegatedPredicate.
  int source(std::size_t i, Slot slot) const { return source(operand(i), slot); }
  int source(std::size_t i) const { return source(operand(i), slot()); }
  int source(const Operand& o, Slot slot) const;
  /// As source(), for instructions that take registers wider or narrower than their type.
  int loose_source(const Operand& o, Slot slot) const;
  /// The registers of a vector operand, or of the only register.
  std::vector<int> targets(std::size_t i) const;
  std::vector<int> sources(std::size_t i, Slot slot) const;
  u64 number(std::size_t i) const;
  Address address(std::size_t i, Space space) const;
  /// The state space that the modifiers name for the memory operand i.
  Space space(std::size_t i) const;
  RegisterAllocator& registers() const { return registers_; }

  /// Sets the destination and the first `count` sources from operands 0, 1, 2...
  void take(Instruction& instruction, std::size_t count) const;

  [[noreturn]] void unsupported(const std::string& why = {}) const;

 private:
  bool floating_literals() const;
  u64 symbol_address(const Operand& o) const;

  RegisterAllocator& registers_;
  std::vector<std::string> words_;
  std::vector<Operand> operands_;
  std::vector<Type> types_;
  Type type_ = Type::NONE;
  Type other_type_ = Type::NONE;
  int line_;
  std::string_view text_;
};

/// The slot of a register operand.
inline Slot slot_of(const Operand& o) { return o.is_register() ? slot_of(o.type) : Slot::word; }

}  // namespace bnas::emu
