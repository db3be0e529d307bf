// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "runtime/vector_clock.hpp"

namespace bnas::emu {

/// A half-open range of addresses.
struct AddressRange {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
};

/// Who accesses memory: an operation, its place on its timeline and what is declared to come before it.
struct Actor {
  Stamp stamp;
  const VectorClock& clock;
  std::string label;  // for the finding: "scale (stream 2)"
};

/// Finds pairs of conflicting accesses (one of them a write) that no declared dependency orders. Accesses must be fed
/// in an order that respects the declared dependencies; then each unordered pair is found when its second access
/// comes, whichever that is. Not thread-safe.
class DependencyTracker {
 public:
  struct Conflict {
    std::string earlier;  // label of the access that ran first
    bool earlier_wrote = false;
    std::uintptr_t address = 0;  // first byte in conflict
  };

  /// Records the access; the conflict with an earlier one, if there is one that was not returned before for the same
  /// two labels.
  std::optional<Conflict> access(const Actor& actor, AddressRange range, bool write);

  /// Drops what is known of a range: memory that is no longer the same.
  void forget(AddressRange range);
  /// Conflicts that were returned may be returned again.
  void forget_conflicts() { reported_.clear(); }

 private:
  struct Past {
    Stamp stamp;
    const std::string* label;  // owned by labels_
  };
  struct Segment {
    std::uintptr_t end = 0;
    std::optional<Past> writer;
    std::vector<Past> readers;  // since that write; none of them ordered before another
  };
  using Segments = std::map<std::uintptr_t, Segment>;  // by begin; disjoint

  void split(std::uintptr_t at);
  std::optional<Conflict> conflict(const Segments::value_type& segment, const Actor& actor, bool write);
  void record_read(AddressRange range, const Actor& actor, const Past& past);

  Segments segments_;
  std::set<std::string> labels_;
  std::set<std::pair<std::string, std::string>> reported_;
};

}  // namespace bnas::emu
