// SPDX-License-Identifier: Apache-2.0
#include "ptx/statement.hpp"

#include <algorithm>

namespace bnas::emu {
namespace {

constexpr int kRowAlignment = 64;  // a cache line
constexpr int kLanes = 32;

std::vector<std::string> split_words(const std::string& opcode) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at <= opcode.size();) {
    const std::size_t end = std::min(opcode.find('.', at), opcode.size());
    words.push_back(opcode.substr(at, end - at));
    at = end + 1;
  }
  return words;
}

}  // namespace

int RegisterAllocator::allocate(Slot slot) {
  // Predicates are one bit of each lane. They lie close together; all others begin a cache line.
  if (slot == Slot::predicate) {
    program_.register_bytes += 4;
    return program_.register_bytes - 4;
  }
  const int at = (program_.register_bytes + kRowAlignment - 1) / kRowAlignment * kRowAlignment;
  program_.register_bytes = at + static_cast<int>(slot) * kLanes;
  return at;
}

int RegisterAllocator::constant(u64 value, Slot slot) {
  const auto [it, added] = constants_.try_emplace({value, slot}, -1);
  if (added) {
    it->second = allocate(slot);
    program_.constants.push_back({it->second, value, slot});
  }
  return it->second;
}

int RegisterAllocator::special(const std::string& name, Slot slot, int line) {
  const auto [it, added] = specials_.try_emplace({name, slot}, -1);
  if (added) {
    it->second = allocate(slot);
    program_.specials.push_back({name, it->second, slot == Slot::wide, line});
  }
  return it->second;
}

int RegisterAllocator::scratch() {
  if (scratch_ < 0) {
    scratch_ = allocate(Slot::quad);
  }
  return scratch_;
}

int RegisterAllocator::dynamic_shared(s64 added, Slot slot) {
  const int at = allocate(slot);
  program_.constants.push_back({at, 0, slot});
  dynamic_.emplace_back(program_.constants.size() - 1, added);
  return at;
}

void RegisterAllocator::resolve_dynamic_shared(std::size_t start) {
  for (const auto& [index, added] : dynamic_) {
    program_.constants[index].value = start + static_cast<u64>(added);
  }
}

Statement::Statement(RegisterAllocator& registers, const std::string& opcode, std::vector<Operand> operands, int line,
                     std::string_view text)
    : registers_(registers), words_(split_words(opcode)), operands_(std::move(operands)), line_(line), text_(text) {
  for (std::size_t i = 1; i < words_.size(); ++i) {
    if (const Type type = type_named(words_[i]); type != Type::NONE) {
      types_.push_back(type);
    }
  }
  if (!types_.empty()) {
    type_ = types_.back();
    other_type_ = types_.size() > 1 ? types_[types_.size() - 2] : Type::NONE;
  }
}

bool Statement::has(std::string_view modifier) const {
  return std::find(words_.begin() + 1, words_.end(), modifier) != words_.end();
}

const Operand& Statement::operand(std::size_t i) const {
  if (i >= operands_.size()) {
    unsupported("it has too few operands");
  }
  return operands_[i];
}

bool Statement::floating_literals() const { return type_ == Type::F32 || type_ == Type::F64; }

int Statement::target(const Operand& o) const {
  if (o.kind == Operand::Kind::sink) {
    return registers_.scratch();
  }
  if (!o.is_register()) {
    unsupported("'" + o.name + "' is not a register");
  }
  return o.at;
}

int Statement::second_target(std::size_t i) const {
  const Operand& o = operand(i);
  if (o.second.empty()) {
    return -1;
  }
  return o.second.front().kind == Operand::Kind::sink ? -1 : target(o.second.front());
}

u64 Statement::symbol_address(const Operand& o) const {
  if (o.symbol == nullptr) {
    unsupported("'" + o.name + "' is not known");
  }
  switch (o.symbol->kind) {
    case Symbol::Kind::variable:
      return o.symbol->address + static_cast<u64>(o.added);
    case Symbol::Kind::shared:
    case Symbol::Kind::local:
    case Symbol::Kind::parameter:
    case Symbol::Kind::kernel_parameter:
      return static_cast<u64>(o.symbol->at + o.added);
    default:
      unsupported("the address of '" + o.name + "' cannot be taken");
  }
}

int Statement::source(const Operand& o, Slot slot) const {
  if (o.is_register() && slot_of(o.type) != slot) {
    unsupported("'" + o.name + "' has not the width of the instruction");
  }
  return loose_source(o, slot);
}

int Statement::loose_source(const Operand& o, Slot slot) const {
  const int bytes = slot == Slot::wide ? 8 : 4;
  switch (o.kind) {
    case Operand::Kind::reg:
      if ((slot == Slot::predicate) != (o.type == Type::PRED)) {
        unsupported("'" + o.name + "' mixes predicates and values");
      }
      return o.negated ? o.at | kNegatedPredicate : o.at;
    case Operand::Kind::number: {
      u64 value = literal_bits(o.name, bytes, floating_literals(), line_) + static_cast<u64>(o.added);
      if (slot == Slot::predicate) {
        value = (value != 0) != o.negated ? 0xffffffffU : 0;
      } else if (slot == Slot::word) {
        value &= 0xffffffffU;
      }
      return registers_.constant(value, slot);
    }
    case Operand::Kind::special:
      return registers_.special(o.name, slot, line_);
    case Operand::Kind::symbol:
      if (o.symbol != nullptr && o.symbol->kind == Symbol::Kind::dynamic_shared) {
        return registers_.dynamic_shared(o.added, slot);
      }
      return registers_.constant(symbol_address(o), slot);
    default:
      unsupported("an operand has a form that is not supported");
  }
}

std::vector<int> Statement::targets(std::size_t i) const {
  const Operand& o = operand(i);
  std::vector<int> list;
  if (o.kind != Operand::Kind::vector) {
    return {target(o)};
  }
  for (const Operand& part : o.parts) {
    list.push_back(target(part));
  }
  return list;
}

std::vector<int> Statement::sources(std::size_t i, Slot slot) const {
  const Operand& o = operand(i);
  std::vector<int> list;
  if (o.kind != Operand::Kind::vector) {
    return {source(o, slot)};
  }
  for (const Operand& part : o.parts) {
    list.push_back(source(part, slot));
  }
  return list;
}

u64 Statement::number(std::size_t i) const {
  const Operand& o = operand(i);
  if (o.kind != Operand::Kind::number) {
    unsupported("'" + o.name + "' is not a number");
  }
  return literal_bits(o.name, 8, false, line_);
}

Space Statement::space(std::size_t i) const {
  if (has("global")) {
    return Space::global;
  }
  if (has("shared") || has("shared::cta")) {
    return Space::shared;
  }
  if (has("local")) {
    return Space::local;
  }
  if (has("const")) {
    return Space::constant;
  }
  if (has("param") || has("param::entry") || has("param::func")) {
    // Parameters of functions lie in local memory. Kernels read their own through names or registers.
    const Operand& o = operand(i);
    const Operand& base = o.parts.empty() ? o : o.parts.front();
    const bool of_function = base.symbol != nullptr && base.symbol->kind == Symbol::Kind::parameter;
    return of_function ? Space::parameter : Space::kernel_parameter;
  }
  return Space::generic;
}

Address Statement::address(std::size_t i, Space space) const {
  const Operand& o = operand(i);
  if (o.kind != Operand::Kind::memory || o.parts.size() != 1) {
    unsupported("operand " + std::to_string(i) + " is not an address of a supported form");
  }
  const Operand& base = o.parts.front();
  Address a;
  a.space = space;
  if (base.is_register()) {
    if (base.type == Type::PRED || slot_of(base.type) == Slot::quad) {
      unsupported("'" + base.name + "' cannot be an address");
    }
    a.base = base.at;
    a.wide = slot_of(base.type) == Slot::wide;
    a.displacement = base.added;
  } else if (base.symbol != nullptr && base.symbol->kind == Symbol::Kind::dynamic_shared) {
    a.base = registers_.dynamic_shared(base.added, Slot::wide);
  } else if (base.kind == Operand::Kind::symbol) {
    a.displacement = static_cast<s64>(symbol_address(base));
  } else if (base.kind == Operand::Kind::number) {
    a.displacement = literal_integer(base.name, line_);
  } else {
    unsupported("'" + base.name + "' cannot be an address");
  }
  return a;
}

void Statement::take(Instruction& instruction, std::size_t count) const {
  if (operands_.size() != count + 1) {
    unsupported("it has " + std::to_string(operands_.size()) + " operands where " + std::to_string(count + 1) +
                " are expected");
  }
  instruction.to = target(0);
  for (std::size_t i = 0; i < count; ++i) {
    instruction.from[i] = source(i + 1);
  }
}

void Statement::unsupported(const std::string& why) const {
  throw PtxError(line_, "not supported: " + std::string(text_) + (why.empty() ? "" : " (" + why + ")"));
}

}  // namespace bnas::emu
