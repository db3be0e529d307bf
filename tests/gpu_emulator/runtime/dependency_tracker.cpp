// SPDX-License-Identifier: Apache-2.0
#include "runtime/dependency_tracker.hpp"

#include <algorithm>
#include <iterator>

namespace bnas::emu {

void DependencyTracker::split(std::uintptr_t at) {
  auto next = segments_.upper_bound(at);
  if (next == segments_.begin()) {
    return;
  }
  auto& [begin, segment] = *std::prev(next);
  if (begin < at && at < segment.end) {
    Segment upper = segment;
    segment.end = at;
    segments_.emplace_hint(next, at, std::move(upper));
  }
}

std::optional<DependencyTracker::Conflict> DependencyTracker::conflict(const Segments::value_type& segment,
                                                                       const Actor& actor, bool write) {
  const auto unordered = [&](const Past& past) {
    return !actor.clock.covers(past.stamp) && reported_.emplace(*past.label, actor.label).second;
  };
  const auto& [begin, content] = segment;
  if (content.writer && unordered(*content.writer)) {
    return Conflict{*content.writer->label, true, begin};
  }
  if (write) {
    for (const Past& reader : content.readers) {
      if (unordered(reader)) {
        return Conflict{*reader.label, false, begin};
      }
    }
  }
  return std::nullopt;
}

void DependencyTracker::record_read(AddressRange range, const Actor& actor, const Past& past) {
  std::uintptr_t at = range.begin;
  auto it = segments_.lower_bound(range.begin);
  while (at < range.end) {
    if (it == segments_.end() || it->first > at) {  // never accessed so far
      const std::uintptr_t end = it == segments_.end() ? range.end : std::min(range.end, it->first);
      it = segments_.emplace_hint(it, at, Segment{end, std::nullopt, {}});
    }
    std::vector<Past>& readers = it->second.readers;
    // A later reader stands for those declared before it: whoever waits for it waits for them.
    std::erase_if(readers, [&](const Past& reader) { return actor.clock.covers(reader.stamp); });
    readers.push_back(past);
    at = it->second.end;
    ++it;
  }
}

std::optional<DependencyTracker::Conflict> DependencyTracker::access(const Actor& actor, AddressRange range,
                                                                     bool write) {
  if (range.begin >= range.end) {
    return std::nullopt;
  }
  split(range.begin);
  split(range.end);
  const auto first = segments_.lower_bound(range.begin);
  const auto last = segments_.lower_bound(range.end);
  std::optional<Conflict> found;
  for (auto it = first; it != last && !found; ++it) {
    found = conflict(*it, actor, write);
  }
  const Past past{actor.stamp, &*labels_.insert(actor.label).first};
  if (write) {
    segments_.erase(first, last);
    segments_.emplace(range.begin, Segment{range.end, past, {}});
  } else {
    record_read(range, actor, past);
  }
  return found;
}

void DependencyTracker::forget(AddressRange range) {
  split(range.begin);
  split(range.end);
  segments_.erase(segments_.lower_bound(range.begin), segments_.lower_bound(range.end));
}

}  // namespace bnas::emu
