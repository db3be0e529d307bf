// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/config_layers.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): of the library
class App;
class Option;
}  // namespace CLI

namespace bnas::cli {

/// The options of the table that a program has as flags of a CLI::App, and what was given for them.
class TableFlags {
 public:
  TableFlags(CLI::App& app, Program program);
  ~TableFlags();
  /// After the app has parsed; a usage Error for a flag given twice that takes one value.
  Flags given() const;

 private:
  struct Slot;
  std::vector<std::unique_ptr<Slot>> slots_;  // CLI::App keeps references
};

/// "; did you mean NAME?" of the nearest candidate, else `hint`.
std::string nearest_hint(const std::string& name, const std::vector<std::string>& candidates, const char* hint);

/// usage Error, with the nearest flag or `hint`, for what the app did not take.
void refuse_extras(const CLI::App& app, const char* hint);

}  // namespace bnas::cli
