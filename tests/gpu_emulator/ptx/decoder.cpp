// SPDX-License-Identifier: Apache-2.0
// The bodies of functions: declarations, labels, control flow and operands. What the instructions do is bound by the
// machine.
#include "ptx/decoder.hpp"

#include <algorithm>

#include "ptx/operand_parser.hpp"
#include "ptx/scopes.hpp"

namespace bnas::emu {
namespace {

constexpr int kMostRegisters = 1 << 16;
constexpr int kLocalAlignment = 16;

class KernelDecoder {
 public:
  KernelDecoder(const ModuleContents& contents, const Function& kernel, Binder bind)
      : contents_(contents),
        kernel_(kernel),
        bind_(bind),
        registers_(program_),
        scopes_(contents),
        operands_(scopes_) {}

  Program run() {
    program_.name = kernel_.name;
    program_.parameter_bytes = kernel_.info.parameter_bytes;
    const Reach reach = reach_of(contents_, kernel_);
    if (reach.recursive != nullptr) {
      throw PtxError(reach.recursive->body.front().line, "recursion is not supported: " + reach.recursive->name);
    }
    for (const std::string& name : reach.shared) {
      Symbol symbol = contents_.symbols.at(name);
      place_shared(symbol);
      scopes_.place(name, symbol);
    }
    for (const Function* f : reach.functions) {
      if (!f->entry && !f->external) {
        prepare(*f);
      }
    }
    for (const Function* f : reach.functions) {
      if (!f->external) {
        function(*f);
      }
    }
    resolve();
    return std::move(program_);
  }

 private:
  /// A function as its callers see it: where its parameters and results lie, where it begins, where it returns to.
  struct Callee {
    std::vector<NamedSymbol> parameters;
    std::vector<NamedSymbol> results;
    int return_register = -1;
    int entry = -1;
  };
  struct BranchFix {
    std::size_t instruction;
    std::string label;
    int scope;
  };
  struct CallFix {
    std::size_t instruction;
    std::string callee;
  };

  void place_shared(Symbol& symbol) {
    if (symbol.kind == Symbol::Kind::dynamic_shared) {
      dynamic_alignment_ = std::max(dynamic_alignment_, symbol.alignment);
      return;
    }
    program_.static_shared = round_up(program_.static_shared, symbol.alignment);
    symbol.at = static_cast<int>(program_.static_shared);
    program_.static_shared += symbol.bytes;
  }

  int place_local(std::size_t bytes, std::size_t alignment) {
    const std::size_t at = round_up(static_cast<std::size_t>(program_.local_bytes), alignment);
    if (at + bytes > std::size_t{1} << 24) {
      throw PtxError(cursor_.line(), "more than 16 MiB of local memory per thread");
    }
    program_.local_bytes = static_cast<int>(at + bytes);
    return static_cast<int>(at);
  }

  void prepare(const Function& f) {
    Callee callee;
    callee.parameters = f.parameters;
    callee.results = f.results;
    for (auto* list : {&callee.parameters, &callee.results}) {
      for (auto& [name, symbol] : *list) {
        if (symbol.kind == Symbol::Kind::reg) {
          throw PtxError(f.body.empty() ? 0 : f.body.front().line, "parameters in registers are not supported");
        }
        symbol.at = place_local(symbol.bytes, std::max<std::size_t>(symbol.alignment, kLocalAlignment));
      }
    }
    callee.return_register = registers_.allocate(Slot::word);
    callees_[f.name] = std::move(callee);
  }

  void function(const Function& f) {
    function_ = &f;
    cursor_ = TokenCursor(f.body.data(), f.body.data() + f.body.size());
    location_ = -1;
    scopes_.begin_function();
    scopes_.push();
    if (f.entry) {
      for (const auto& [name, symbol] : f.parameters) {
        scopes_.add(name, symbol);
      }
    } else {
      Callee& callee = callees_.at(f.name);
      callee.entry = static_cast<int>(program_.code.size());
      for (const auto* list : {&callee.parameters, &callee.results}) {
        for (const auto& [name, symbol] : *list) {
          scopes_.add(name, symbol);
        }
      }
    }
    while (!cursor_.done()) {
      statement();
    }
    Instruction end;
    end.line = cursor_.line();
    finish_as_return(end);
    program_.code.push_back(end);
  }

  void finish_as_return(Instruction& i) {
    i.control = function_->entry ? Control::exit : Control::ret;
    if (!function_->entry) {
      i.from[0] = callees_.at(function_->name).return_register;
    }
  }

  void statement() {
    if (cursor_.accept("{")) {
      scopes_.push();
    } else if (cursor_.is("}")) {
      if (!scopes_.can_pop()) {
        throw PtxError(cursor_.line(), "a brace closes nothing");
      }
      cursor_.next();
      scopes_.pop();
    } else if (cursor_.accept(".reg")) {
      register_declaration();
    } else if (cursor_.accept(".shared")) {
      memory_declaration(Symbol::Kind::shared);
    } else if (cursor_.accept(".local")) {
      memory_declaration(Symbol::Kind::local);
    } else if (cursor_.accept(".param")) {
      memory_declaration(Symbol::Kind::parameter);
    } else if (cursor_.is(".loc")) {
      source_location();
    } else if (cursor_.accept(".pragma")) {
      cursor_.skip_past(";");
    } else if (cursor_.peek_second() == ":") {
      label();
    } else if (!cursor_.accept(";") && !cursor_.accept(".extern")) {
      instruction();
    }
  }

  void source_location() {
    const int line = cursor_.line();
    cursor_.next();
    const int file = cursor_.next_integer();
    program_.locations.push_back({file, cursor_.next_integer()});
    location_ = static_cast<int>(program_.locations.size()) - 1;
    cursor_.skip_line(line);
  }

  void label() {
    const std::string name = cursor_.next();
    cursor_.expect(":");
    if (cursor_.accept(".branchtargets")) {
      std::vector<std::string> labels;
      while (!cursor_.accept(";")) {
        if (!cursor_.accept(",")) {
          labels.push_back(cursor_.next());
        }
      }
      scopes_.add_table(name, std::move(labels));
    } else if (cursor_.accept(".callprototype") || cursor_.accept(".calltargets")) {
      cursor_.skip_past(";");
    } else {
      scopes_.add_label(name, static_cast<int>(program_.code.size()));
    }
  }

  void register_declaration() {
    Type type = Type::NONE;
    while (cursor_.peek().starts_with('.')) {
      const std::string word = cursor_.next();
      type = type_named(word.substr(1));
      if (type == Type::NONE) {
        throw PtxError(cursor_.line(), "registers of type " + word + " are not supported");
      }
    }
    while (!cursor_.accept(";")) {
      const std::string name = cursor_.next();
      Symbol symbol;
      symbol.kind = Symbol::Kind::reg;
      symbol.type = type;
      if (cursor_.accept("<")) {
        const int count = cursor_.next_integer();
        cursor_.expect(">");
        if (count < 0 || count > kMostRegisters) {
          throw PtxError(cursor_.line(), "a strange number of registers");
        }
        for (int i = 0; i < count; ++i) {
          symbol.at = registers_.allocate(slot_of(type));
          scopes_.add(name + std::to_string(i), symbol);
        }
      } else {
        symbol.at = registers_.allocate(slot_of(type));
        scopes_.add(name, symbol);
      }
      cursor_.accept(",");
    }
  }

  void memory_declaration(Symbol::Kind kind) {
    const Declaration d = parse_declaration(cursor_);
    cursor_.skip_past(";");
    Symbol symbol;
    symbol.kind = kind == Symbol::Kind::shared && d.open ? Symbol::Kind::dynamic_shared : kind;
    symbol.type = d.type;
    symbol.bytes = d.bytes;
    symbol.alignment = d.alignment;
    if (kind == Symbol::Kind::shared) {
      place_shared(symbol);
    } else {
      symbol.at = place_local(d.bytes, d.alignment);
    }
    scopes_.add(d.name, symbol);
  }

  void instruction() {
    Instruction i;
    i.line = cursor_.line();
    i.location = location_;
    if (cursor_.accept("@")) {
      i.guard_negated = cursor_.accept("!");
      const Operand guard = operands_.parse(cursor_);
      if (!guard.is_register() || guard.type != Type::PRED) {
        throw PtxError(i.line, "the guard is not a predicate");
      }
      i.guard = guard.at;
    }
    const std::string opcode = cursor_.next();
    const std::string mnemonic = opcode.substr(0, opcode.find('.'));
    if (mnemonic == "bra") {
      i.control = Control::branch;
      branches_.push_back({program_.code.size(), cursor_.next(), scopes_.current()});
      cursor_.expect(";");
    } else if (mnemonic == "brx") {
      branch_table(i, opcode);
    } else if (mnemonic == "call") {
      call(i);
      return;
    } else {
      plain(i, opcode, mnemonic);
    }
    program_.code.push_back(std::move(i));
  }

  void branch_table(Instruction& i, const std::string& opcode) {
    std::vector<Operand> index{operands_.parse(cursor_)};
    cursor_.expect(",");
    i.control = Control::branch_table;
    i.from[0] = statement_of(opcode, std::move(index), i.line).source(0, Slot::word);
    branches_.push_back({program_.code.size(), cursor_.next(), scopes_.current()});
    cursor_.expect(";");
  }

  void plain(Instruction& i, const std::string& opcode, const std::string& mnemonic) {
    std::vector<Operand> operands;
    while (!cursor_.accept(";")) {
      operands.push_back(operands_.parse(cursor_));
      if (!cursor_.accept(",") && !cursor_.is(";")) {
        throw PtxError(cursor_.line(), "'" + cursor_.peek() + "' stands in the operands of " + opcode);
      }
    }
    if (mnemonic == "ret") {
      finish_as_return(i);
    } else if (mnemonic == "exit") {
      i.control = Control::exit;
    } else if (mnemonic == "trap" || mnemonic == "brkpt") {
      i.control = Control::trap;
    } else {
      bind_(statement_of(opcode, std::move(operands), i.line), i);
    }
  }

  Statement statement_of(const std::string& opcode, std::vector<Operand> operands, int line) {
    return {
        registers_, opcode, std::move(operands), line,
        contents_
            .lines[static_cast<std::size_t>(std::clamp<int>(line, 1, static_cast<int>(contents_.lines.size())) - 1)]};
  }

  /// call (results), name, (arguments); with the first and last parts optional.
  void call(Instruction& i) {
    std::vector<Operand> results;
    std::vector<Operand> arguments;
    if (cursor_.is("(")) {
      results = operands_.parse(cursor_).parts;
      cursor_.expect(",");
    }
    const std::string name = cursor_.next();
    if (cursor_.accept(",") && cursor_.is("(")) {
      arguments = operands_.parse(cursor_).parts;
    }
    const auto target = contents_.functions.find(name);
    if (target == contents_.functions.end() || !cursor_.is(";")) {
      throw PtxError(i.line, "not supported: a call through a pointer, or of the unknown function '" + name + "'");
    }
    cursor_.expect(";");
    if (target->second.external) {
      external_call(i, name, arguments, results);
      return;
    }
    const Callee& callee = callees_.at(name);
    i.control = Control::call;
    i.to = callee.return_register;
    i.copies = copies(arguments, callee.parameters, true, i.line);
    calls_.push_back({program_.code.size(), name});
    Instruction after = i;
    after.control = Control::results;
    after.copies = copies(results, callee.results, false, i.line);
    program_.code.push_back(std::move(i));
    program_.code.push_back(std::move(after));
  }

  static int local_offset(const Operand& o, int line) {
    if (o.symbol == nullptr || o.symbol->kind != Symbol::Kind::parameter) {
      throw PtxError(line, "not supported: the argument '" + o.name + "' of a call");
    }
    return o.symbol->at;
  }

  static std::shared_ptr<const std::vector<LocalCopy>> copies(const std::vector<Operand>& own,
                                                              const std::vector<NamedSymbol>& callee, bool in,
                                                              int line) {
    if (own.size() != callee.size()) {
      throw PtxError(line, "a call with " + std::to_string(own.size()) + " arguments or results where " +
                               std::to_string(callee.size()) + " are declared");
    }
    std::vector<LocalCopy> list;
    for (std::size_t k = 0; k < own.size(); ++k) {
      const int here = local_offset(own[k], line);
      const int there = callee[k].second.at;
      const std::size_t bytes = std::min(own[k].symbol->bytes, callee[k].second.bytes);
      list.push_back({in ? here : there, in ? there : here, static_cast<int>(bytes)});
    }
    return std::make_shared<const std::vector<LocalCopy>>(std::move(list));
  }

  void external_call(Instruction& i, const std::string& name, const std::vector<Operand>& arguments,
                     const std::vector<Operand>& results) {
    const auto offsets = [&](const std::vector<Operand>& from) {
      Operand list;
      list.kind = Operand::Kind::list;
      for (const Operand& o : from) {
        Operand& number = list.parts.emplace_back();
        number.name = std::to_string(local_offset(o, i.line));
      }
      return list;
    };
    Operand function;
    function.kind = Operand::Kind::symbol;
    function.name = name;
    bind_(statement_of("call", {offsets(arguments), offsets(results), function}, i.line), i);
    program_.code.push_back(std::move(i));
  }

  void resolve() {
    for (const BranchFix& fix : branches_) {
      Instruction& i = program_.code[fix.instruction];
      const auto position = [&](const std::string& name) {
        const std::optional<int> at = scopes_.label(name, fix.scope);
        if (!at) {
          throw PtxError(i.line, "there is no label '" + name + "'");
        }
        return *at;
      };
      if (i.control == Control::branch) {
        i.immediate = position(fix.label);
        continue;
      }
      const std::vector<std::string>* table = scopes_.table(fix.label, fix.scope);
      if (table == nullptr) {
        throw PtxError(i.line, "there is no table '" + fix.label + "'");
      }
      std::vector<int> targets;
      std::transform(table->begin(), table->end(), std::back_inserter(targets), position);
      i.targets = std::make_shared<const std::vector<int>>(std::move(targets));
    }
    for (const CallFix& fix : calls_) {
      program_.code[fix.instruction].immediate = callees_.at(fix.callee).entry;
    }
    program_.dynamic_shared_at = round_up(program_.static_shared, dynamic_alignment_);
    registers_.resolve_dynamic_shared(program_.dynamic_shared_at);
    program_.register_bytes = static_cast<int>(round_up(static_cast<std::size_t>(program_.register_bytes), 64));
    program_.local_bytes = static_cast<int>(round_up(static_cast<std::size_t>(program_.local_bytes), kLocalAlignment));
  }

  const ModuleContents& contents_;
  const Function& kernel_;
  Binder bind_;
  Program program_;
  RegisterAllocator registers_;
  Scopes scopes_;
  OperandParser operands_;
  TokenCursor cursor_{nullptr, nullptr};
  const Function* function_ = nullptr;
  std::map<std::string, Callee> callees_;
  std::vector<BranchFix> branches_;
  std::vector<CallFix> calls_;
  std::size_t dynamic_alignment_ = 16;
  int location_ = -1;
};

}  // namespace

Program decode_kernel(const ModuleContents& contents, const Function& kernel, Binder bind) {
  return KernelDecoder(contents, kernel, bind).run();
}

}  // namespace bnas::emu
