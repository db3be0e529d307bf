// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ptx/module.hpp"
#include "ptx/program.hpp"
#include "ptx/tokens.hpp"

namespace bnas::emu {

struct Symbol {
  enum class Kind : u8 { reg, shared, dynamic_shared, local, parameter, kernel_parameter, variable, function };
  Kind kind = Kind::reg;
  Type type = Type::NONE;
  int at = 0;       ///< offset into the register file, shared, local or parameter memory
  u64 address = 0;  ///< of a variable
  std::size_t bytes = 0;
  std::size_t alignment = 1;
  bool module_scope = false;  ///< shared memory declared outside functions: placed by each kernel that names it
};

using NamedSymbol = std::pair<std::string, Symbol>;

struct Function {
  std::string name;
  bool entry = false;
  bool external = false;
  std::vector<NamedSymbol> parameters;
  std::vector<NamedSymbol> results;
  std::vector<Token> body;
  KernelInfo info;
};

struct Variable {
  std::shared_ptr<unsigned char> data;
  std::size_t bytes = 0;
};

/// What a PTX text consists of.
struct ModuleContents {
  std::vector<std::string> lines;
  std::map<int, std::string> files;
  std::map<std::string, Function, std::less<>> functions;
  std::unordered_map<std::string, Symbol> symbols;
  std::vector<std::string> shared_symbols;  ///< of module scope, in the order of the text
  std::map<std::string, Variable, std::less<>> variables;
  std::vector<std::string> kernels;
  std::mutex mutex;  ///< guards programs
  std::map<std::string, std::shared_ptr<const Program>, std::less<>> programs;
};

/// A variable's declaration after its state space: `.align 16 .b8 name[4][32]`.
struct Declaration {
  std::string name;
  Type type = Type::B8;
  std::size_t alignment = 1;
  std::size_t bytes = 0;
  bool open = false;  ///< the last extent is left out
};
Declaration parse_declaration(TokenCursor& cursor);

/// `bytes` rounded up to a multiple of `alignment`.
constexpr std::size_t round_up(std::size_t bytes, std::size_t alignment) {
  return (bytes + alignment - 1) / alignment * alignment;
}

/// The functions that a kernel can reach, itself first, and the shared variables of module scope that they name.
struct Reach {
  std::vector<const Function*> functions;
  std::vector<std::string> shared;
  const Function* recursive = nullptr;  ///< one that can reach itself
};
Reach reach_of(const ModuleContents& contents, const Function& kernel);

void parse_module(std::string_view ptx, ModuleContents& contents);

}  // namespace bnas::emu
