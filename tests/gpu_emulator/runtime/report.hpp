// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "machine/api.hpp"

namespace bnas::emu {

/// What kernels did, summed per annotation and kernel.
class KernelReport {
 public:
  struct Entry {
    std::uint64_t launches = 0;
    Counters counters;
    Profile profile;
  };

  void add(const std::string& note, const std::string& kernel, const LaunchResult& result);
  /// Sum over all kernels whose demangled name contains `part`.
  Entry sum(std::string_view part) const;
  void clear() { entries_.clear(); }

  /// One line of JSON per entry: {"note":...,"kernel":...,"launches":...,"<counter>":...}.
  std::string json_lines() const;
  /// For people: the kernels, those with the most instructions first, and the lines of the source that these are on.
  std::string profile() const;

 private:
  std::map<std::pair<std::string, std::string>, Entry> entries_;
};

/// A value of `Counters` with its name.
struct NamedCounter {
  const char* name;
  std::uint64_t Counters::*value;
};
extern const NamedCounter kCounters[16];

}  // namespace bnas::emu
