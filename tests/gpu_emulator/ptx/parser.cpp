// SPDX-License-Identifier: Apache-2.0
// The module level of PTX: directives, variables with their initial values, functions as token lists.
#include <algorithm>
#include <cstring>
#include <functional>
#include <set>

#include "ptx/contents.hpp"

namespace bnas::emu {
namespace {

constexpr std::size_t kLargestVariable = std::size_t{1} << 32;
constexpr int kDepthOfBraces = 64;

std::size_t checked_size(std::size_t bytes, int line) {
  if (bytes > kLargestVariable) {
    throw PtxError(line, "a variable of more than 4 GiB");
  }
  return bytes;
}

std::size_t checked_alignment(int alignment, int line) {
  if (alignment < 1 || alignment > 1 << 20 || (alignment & (alignment - 1)) != 0) {
    throw PtxError(line, "alignment " + std::to_string(alignment) + " is not a power of two");
  }
  return static_cast<std::size_t>(alignment);
}

/// Multiplies by the extents [a][b]...; true when one of them is left out.
bool parse_extents(TokenCursor& cursor, std::size_t& bytes) {
  bool open = false;
  while (cursor.accept("[")) {
    if (cursor.is("]")) {
      open = true;
    } else {
      const int extent = cursor.next_integer();
      if (extent < 0) {
        throw PtxError(cursor.line(), "an array of negative size");
      }
      bytes = checked_size(bytes * static_cast<std::size_t>(extent), cursor.line());
    }
    cursor.expect("]");
  }
  return open;
}

class ModuleParser {
 public:
  ModuleParser(const std::vector<Token>& tokens, ModuleContents& contents)
      : cursor_(tokens.data(), tokens.data() + tokens.size()), contents_(contents) {}

  void run() {
    while (!cursor_.done()) {
      directive();
    }
    for (const Pointer& p : pointers_) {
      const auto it = contents_.symbols.find(p.symbol);
      if (it == contents_.symbols.end() || it->second.kind != Symbol::Kind::variable) {
        throw PtxError(p.line, "an initial value names '" + p.symbol + "', which is not a variable");
      }
      const u64 address = it->second.address + static_cast<u64>(p.added);
      std::memcpy(p.where, &address, static_cast<std::size_t>(p.bytes));
    }
    for (auto& [name, function] : contents_.functions) {
      if (function.entry) {
        describe(function);
      }
    }
  }

 private:
  /// An initial value that is the address of another variable, filled in when all are known.
  struct Pointer {
    unsigned char* where;
    std::string symbol;
    s64 added;
    int bytes;
    int line;
  };

  void directive() {
    const int line = cursor_.line();
    const std::string word = cursor_.next();
    if (word == ".version" || word == ".target" || word == ".address_size") {
      cursor_.skip_line(line);
    } else if (word == ".file") {
      const int number = cursor_.next_integer();
      std::string path = cursor_.next();
      contents_.files[number] = path.size() > 1 ? path.substr(1, path.size() - 2) : path;
      cursor_.skip_line(line);
    } else if (word == ".extern") {
      external_ = true;
    } else if (word == ".section") {
      while (!cursor_.is("{")) {
        cursor_.next();
      }
      braces();
    } else if (word == ".pragma" || word == ".alias") {
      cursor_.skip_past(";");
    } else if (word == ".entry" || word == ".func") {
      function(word == ".entry");
      external_ = false;
    } else if (word == ".global" || word == ".const") {
      variable();
      external_ = false;
    } else if (word == ".shared") {
      shared_variable();
      external_ = false;
    } else if (word != ".visible" && word != ".weak" && word != ".common" && word != ";") {
      throw PtxError(line, "unexpected '" + word + "' outside of functions");
    }
  }

  /// From `{` past its `}`.
  void braces() {
    int depth = 0;
    do {
      const std::string& word = cursor_.next();
      depth += word == "{" ? 1 : word == "}" ? -1 : 0;
      if (depth > kDepthOfBraces) {
        throw PtxError(cursor_.line(), "braces are nested too deeply");
      }
    } while (depth > 0);
  }

  std::vector<NamedSymbol> parameters(bool kernel, KernelInfo& info) {
    std::vector<NamedSymbol> list;
    if (!cursor_.accept("(")) {
      return list;
    }
    while (!cursor_.accept(")")) {
      if (cursor_.accept(",")) {
        continue;
      }
      auto [name, symbol] = parameter();
      if (kernel) {
        symbol.kind = Symbol::Kind::kernel_parameter;
        info.parameter_bytes = round_up(info.parameter_bytes, symbol.alignment);
        symbol.at = static_cast<int>(info.parameter_bytes);
        info.parameters.push_back({info.parameter_bytes, symbol.bytes});
        info.parameter_bytes += symbol.bytes;
      }
      list.emplace_back(name, symbol);
    }
    return list;
  }

  NamedSymbol parameter() {
    Symbol symbol;
    symbol.kind = Symbol::Kind::parameter;
    std::size_t alignment = 0;
    bool points = false;  // an alignment after .ptr is that of what the parameter points to
    for (;;) {
      const int line = cursor_.line();
      const std::string word = cursor_.next();
      if (!word.starts_with('.')) {
        symbol.bytes = static_cast<std::size_t>(size_of(symbol.type));
        symbol.alignment = std::max<std::size_t>({alignment, symbol.bytes, 1});
        parse_extents(cursor_, symbol.bytes);
        return {word, symbol};
      }
      if (word == ".reg") {
        symbol.kind = Symbol::Kind::reg;
      } else if (word == ".ptr") {
        points = true;
      } else if (word == ".align") {
        const std::size_t given = checked_alignment(cursor_.next_integer(), line);
        alignment = points ? alignment : given;
      } else if (const Type type = type_named(word.substr(1)); type != Type::NONE) {
        symbol.type = type;
      }
    }
  }

  void function(bool entry) {
    Function f;
    f.entry = entry;
    while (cursor_.peek().starts_with('.')) {
      if (cursor_.next() == ".attribute") {
        cursor_.skip_past(")");
      }
    }
    if (!entry && cursor_.is("(")) {
      f.results = parameters(false, f.info);
    }
    f.name = cursor_.next();
    f.info.name = f.name;
    f.parameters = parameters(entry, f.info);
    while (!cursor_.is("{") && !cursor_.is(";")) {
      bounds(f.info);
    }
    Symbol symbol;
    symbol.kind = Symbol::Kind::function;
    contents_.symbols[f.name] = symbol;
    if (cursor_.accept(";")) {  // a declaration; its definition may follow
      f.external = true;
      contents_.functions.try_emplace(f.name, std::move(f));
      return;
    }
    const Token* begin = cursor_.position() + 1;
    braces();
    f.body.assign(begin, cursor_.position() - 1);
    if (entry) {
      contents_.kernels.push_back(f.name);
    }
    contents_.functions[f.name] = std::move(f);
  }

  /// A performance directive between the parameters and the body.
  void bounds(KernelInfo& info) {
    const std::string word = cursor_.next();
    if (word == ".maxntid" || word == ".reqntid") {
      unsigned threads = static_cast<unsigned>(cursor_.next_integer());
      while (cursor_.accept(",")) {
        threads *= static_cast<unsigned>(cursor_.next_integer());
      }
      info.max_threads_per_block = threads;
    } else if (word == ".minnctapersm") {
      info.min_blocks_per_processor = static_cast<unsigned>(cursor_.next_integer());
    }
  }

  void shared_variable() {
    const Declaration d = parse_declaration(cursor_);
    cursor_.skip_past(";");
    Symbol symbol;
    symbol.kind = d.open || external_ ? Symbol::Kind::dynamic_shared : Symbol::Kind::shared;
    symbol.type = d.type;
    symbol.bytes = d.bytes;
    symbol.alignment = d.alignment;
    symbol.module_scope = true;
    contents_.symbols[d.name] = symbol;
    contents_.shared_symbols.push_back(d.name);
  }

  void variable() {
    const Declaration d = parse_declaration(cursor_);
    if (external_) {  // defined by another module
      cursor_.skip_past(";");
      return;
    }
    const std::size_t storage = round_up(std::max<std::size_t>(d.bytes, 1), 256);
    Variable v;
    v.data = std::shared_ptr<unsigned char>(static_cast<unsigned char*>(std::aligned_alloc(256, storage)), std::free);
    v.bytes = d.bytes;
    std::memset(v.data.get(), 0, storage);
    Symbol symbol;
    symbol.kind = Symbol::Kind::variable;
    symbol.type = d.type;
    symbol.bytes = d.bytes;
    symbol.address = reinterpret_cast<u64>(v.data.get());
    contents_.symbols[d.name] = symbol;
    if (cursor_.accept("=")) {
      initial_values(v, d.type);
    }
    cursor_.skip_past(";");
    contents_.variables[d.name] = std::move(v);
  }

  void initial_values(const Variable& v, Type type) {
    const int width = size_of(type);
    std::size_t at = 0;
    int depth = 0;
    do {
      const int line = cursor_.line();
      const std::string word = cursor_.next();
      if (word == "{" || word == "}") {
        depth += word == "{" ? 1 : -1;
      } else if (word != ",") {
        if (at + static_cast<std::size_t>(width) > v.bytes) {
          throw PtxError(line, "more initial values than the variable has room for");
        }
        unsigned char* where = v.data.get() + at;
        if (is_number(word)) {
          const u64 bits = literal_bits(word, width == 8 ? 8 : 4, type == Type::F32 || type == Type::F64, line);
          std::memcpy(where, &bits, static_cast<std::size_t>(width));
        } else {
          pointer_value(word, where, width, line);
        }
        at += static_cast<std::size_t>(width);
      }
    } while (depth > 0 || cursor_.is(","));
  }

  void pointer_value(const std::string& word, unsigned char* where, int width, int line) {
    std::string symbol = word;
    if (word == "generic") {
      cursor_.expect("(");
      symbol = cursor_.next();
      cursor_.expect(")");
    }
    const s64 added = cursor_.accept("+") ? literal_integer(cursor_.next(), line) : 0;
    pointers_.push_back({where, symbol, added, width, line});
  }

  /// Sums up the shared and local memory that a kernel declares.
  void describe(Function& kernel) {
    const Reach reach = reach_of(contents_, kernel);
    std::size_t shared = 0;
    for (const std::string& name : reach.shared) {
      const Symbol& symbol = contents_.symbols.at(name);
      if (symbol.kind == Symbol::Kind::shared) {
        shared = round_up(shared, symbol.alignment) + symbol.bytes;
      }
    }
    for (const Function* f : reach.functions) {
      for (TokenCursor body(f->body.data(), f->body.data() + f->body.size()); !body.done();) {
        const std::string word = body.next();
        if (word != ".shared" && word != ".local") {
          continue;
        }
        const Declaration d = parse_declaration(body);
        std::size_t& sum = word == ".shared" ? shared : kernel.info.local_bytes;
        if (!d.open) {
          sum = round_up(sum, d.alignment) + d.bytes;
        }
      }
    }
    kernel.info.static_shared_bytes = shared;
  }

  TokenCursor cursor_;
  ModuleContents& contents_;
  std::vector<Pointer> pointers_;
  bool external_ = false;
};

}  // namespace

Declaration parse_declaration(TokenCursor& cursor) {
  Declaration d;
  for (;;) {
    const int line = cursor.line();
    const std::string word = cursor.next();
    if (word == ".align") {
      d.alignment = checked_alignment(cursor.next_integer(), line);
    } else if (word == ".attribute") {
      cursor.skip_past(")");
    } else if (word.starts_with('.')) {
      const Type type = type_named(word.substr(1));
      d.type = type == Type::NONE ? d.type : type;
    } else {
      d.name = word;
      break;
    }
  }
  d.bytes = static_cast<std::size_t>(size_of(d.type));
  d.alignment = std::max<std::size_t>({d.alignment, d.bytes, 1});
  d.open = parse_extents(cursor, d.bytes);
  return d;
}

Reach reach_of(const ModuleContents& contents, const Function& kernel) {
  Reach reach;
  std::set<std::string> shared;
  std::set<const Function*> done;
  std::vector<const Function*> chain;
  const std::function<void(const Function&)> visit = [&](const Function& f) {
    if (std::find(chain.begin(), chain.end(), &f) != chain.end()) {
      reach.recursive = &f;
      return;
    }
    if (!done.insert(&f).second) {
      return;
    }
    chain.push_back(&f);
    reach.functions.push_back(&f);
    for (const Token& token : f.body) {
      const auto it = contents.symbols.find(token.text);
      if (it == contents.symbols.end()) {
        continue;
      }
      if (it->second.kind == Symbol::Kind::function) {
        visit(contents.functions.at(token.text));
      } else if (it->second.module_scope) {
        shared.insert(token.text);
      }
    }
    chain.pop_back();
  };
  visit(kernel);
  for (const std::string& name : contents.shared_symbols) {
    if (shared.contains(name)) {
      reach.shared.push_back(name);
    }
  }
  return reach;
}

void parse_module(std::string_view ptx, ModuleContents& contents) {
  for (std::size_t at = 0; at < ptx.size();) {
    const std::size_t end = std::min(ptx.find('\n', at), ptx.size());
    const std::string_view line = ptx.substr(at, end - at);
    const std::size_t first = line.find_first_not_of(" \t");
    contents.lines.emplace_back(first == std::string_view::npos ? "" : line.substr(first));
    at = end + 1;
  }
  const std::vector<Token> tokens = tokenize(ptx);
  ModuleParser(tokens, contents).run();
  if (contents.kernels.empty() && contents.variables.empty() && contents.functions.empty()) {
    throw PtxError(0, "the text defines nothing");
  }
}

}  // namespace bnas::emu
