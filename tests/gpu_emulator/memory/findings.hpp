// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace bnas::emu {

/// What a checker can find wrong in a program. The first group is found by the interpreter, the second by the runtime.
enum class FindingKind {
  out_of_bounds,
  misaligned_access,
  use_after_free,
  uninitialized_read,
  shared_race,
  global_race,
  divergent_barrier,
  warp_collective,  ///< a shuffle, vote or mma that some of its member lanes cannot reach or do not belong to

  missing_dependency,
  host_access,
  sync_in_capture,
  leak,
};

/// The name as the enumerator is spelled.
std::string_view name(FindingKind kind);

struct Finding {
  FindingKind kind;
  std::string text;  ///< what and where, for people
};

/// The list of what the checkers found, shared by all devices of a process. All members may be called by any thread.
class Findings {
 public:
  /// Adds a finding unless one of the same kind and site is there: a million threads with one bug are one finding.
  /// `site` is what identifies the place (a kernel and its line); `detail` is the rest of the text.
  void add(FindingKind kind, const std::string& site, const std::string& detail = {});

  std::size_t count() const;
  std::size_t count(FindingKind kind) const;
  std::vector<Finding> all() const;
  void clear();

 private:
  mutable std::mutex mutex_;
  std::vector<Finding> list_;
  std::set<std::pair<FindingKind, std::string>> seen_;
};

}  // namespace bnas::emu
