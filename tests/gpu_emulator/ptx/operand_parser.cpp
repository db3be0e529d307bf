// SPDX-License-Identifier: Apache-2.0
#include "ptx/operand_parser.hpp"

namespace bnas::emu {
namespace {

constexpr int kDepthOfOperands = 16;

}  // namespace

Operand OperandParser::parse(TokenCursor& cursor, int depth) const {
  if (depth > kDepthOfOperands) {
    throw PtxError(cursor.line(), "operands are nested too deeply");
  }
  Operand o;
  if (cursor.accept("{")) {
    o.kind = Operand::Kind::vector;
    list(cursor, o, "}", depth);
  } else if (cursor.accept("(")) {
    o.kind = Operand::Kind::list;
    list(cursor, o, ")", depth);
  } else if (cursor.accept("[")) {
    o.kind = Operand::Kind::memory;
    list(cursor, o, "]", depth);
    if (o.parts.empty()) {
      throw PtxError(cursor.line(), "an address is missing");
    }
  } else if (cursor.accept("!")) {
    o = parse(cursor, depth + 1);
    o.negated = true;
  } else {
    simple(cursor, o);
    suffix(cursor, o, depth);
  }
  return o;
}

void OperandParser::list(TokenCursor& cursor, Operand& o, std::string_view end, int depth) const {
  while (!cursor.accept(end)) {
    o.parts.push_back(parse(cursor, depth + 1));
    if (!cursor.accept(",") && !cursor.is(end)) {
      throw PtxError(cursor.line(), "'" + cursor.peek() + "' stands in an operand");
    }
  }
}

void OperandParser::simple(TokenCursor& cursor, Operand& o) const {
  o.name = cursor.next();
  if (o.name == "_") {
    o.kind = Operand::Kind::sink;
  } else if (o.name == "WARP_SZ") {
    o.name = "32";
  } else if (!is_number(o.name)) {
    o.symbol = scopes_.find(o.name);
    if (o.symbol != nullptr && o.symbol->kind == Symbol::Kind::reg) {
      o.kind = Operand::Kind::reg;
      o.type = o.symbol->type;
      o.at = o.symbol->at;
    } else if (o.symbol == nullptr && o.name.starts_with('%')) {
      o.kind = Operand::Kind::special;
    } else {
      o.kind = Operand::Kind::symbol;
    }
  }
}

void OperandParser::suffix(TokenCursor& cursor, Operand& o, int depth) const {
  if (cursor.accept("|")) {
    o.second.push_back(parse(cursor, depth + 1));
  } else if (cursor.accept("+")) {
    const std::string sign = cursor.accept("-") ? "-" : "";
    o.added = literal_integer(sign + cursor.next(), cursor.line());
  } else if (is_number(cursor.peek()) && cursor.peek().starts_with('-')) {
    o.added = literal_integer(cursor.next(), cursor.line());
  }
}

}  // namespace bnas::emu
