// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "ptx/scopes.hpp"
#include "ptx/statement.hpp"

namespace bnas::emu {

/// Reads operands and finds out what their names stand for.
class OperandParser {
 public:
  explicit OperandParser(const Scopes& scopes) : scopes_(scopes) {}
  /// `depth` counts the braces around; too many are a PtxError.
  Operand parse(TokenCursor& cursor, int depth = 0) const;

 private:
  void list(TokenCursor& cursor, Operand& o, std::string_view end, int depth) const;
  void simple(TokenCursor& cursor, Operand& o) const;
  void suffix(TokenCursor& cursor, Operand& o, int depth) const;

  const Scopes& scopes_;
};

}  // namespace bnas::emu
