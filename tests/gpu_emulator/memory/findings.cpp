// SPDX-License-Identifier: Apache-2.0
#include "memory/findings.hpp"

#include <algorithm>

namespace bnas::emu {

std::string_view name(FindingKind kind) {
  switch (kind) {
    case FindingKind::out_of_bounds:
      return "out_of_bounds";
    case FindingKind::misaligned_access:
      return "misaligned_access";
    case FindingKind::use_after_free:
      return "use_after_free";
    case FindingKind::uninitialized_read:
      return "uninitialized_read";
    case FindingKind::shared_race:
      return "shared_race";
    case FindingKind::global_race:
      return "global_race";
    case FindingKind::divergent_barrier:
      return "divergent_barrier";
    case FindingKind::warp_collective:
      return "warp_collective";
    case FindingKind::missing_dependency:
      return "missing_dependency";
    case FindingKind::host_access:
      return "host_access";
    case FindingKind::sync_in_capture:
      return "sync_in_capture";
    case FindingKind::leak:
      return "leak";
  }
  return "unknown";
}

void Findings::add(FindingKind kind, const std::string& site, const std::string& detail) {
  const std::lock_guard lock(mutex_);
  if (seen_.emplace(kind, site).second) {
    list_.push_back({kind, std::string(name(kind)) + ": " + site + (detail.empty() ? "" : "; " + detail)});
  }
}

std::size_t Findings::count() const {
  const std::lock_guard lock(mutex_);
  return list_.size();
}

std::size_t Findings::count(FindingKind kind) const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(list_.begin(), list_.end(), [kind](const Finding& f) { return f.kind == kind; }));
}

std::vector<Finding> Findings::all() const {
  const std::lock_guard lock(mutex_);
  return list_;
}

void Findings::clear() {
  const std::lock_guard lock(mutex_);
  list_.clear();
  seen_.clear();
}

}  // namespace bnas::emu
