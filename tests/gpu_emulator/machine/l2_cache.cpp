// SPDX-License-Identifier: Apache-2.0
#include "machine/l2_cache.hpp"

#include <algorithm>
#include <bit>

namespace bnas::emu {

L2Cache::L2Cache(std::size_t bytes)
    : sets_(std::max<std::size_t>(bytes / (kSectorBytes * kSectorsOfLine * kWays), 1)) {}

void L2Cache::access(u64 sector, bool read, bool write) {
  Line& at = line(sector / kSectorsOfLine);
  const auto bit = static_cast<u8>(1U << sector % kSectorsOfLine);
  if (read && (at.valid & bit) == 0) {
    ++read_sectors_;
  }
  at.valid |= bit;
  at.dirty |= write ? bit : 0;
  at.last_used = ++clock_;
}

void L2Cache::flush() {
  for (Set& set : sets_) {
    for (Line& line : set) {
      evict(line);
    }
  }
}

L2Cache::Line& L2Cache::line(u64 number) {
  // Multiplying spreads strides of powers of two over the sets, as the hashes of GPUs do.
  Set& set = sets_[(number * 0x9e3779b97f4a7c15 >> 32) % sets_.size()];
  const auto found =
      std::find_if(set.begin(), set.end(), [&](const Line& l) { return l.last_used != 0 && l.number == number; });
  if (found != set.end()) {
    return *found;
  }
  const auto oldest =
      std::min_element(set.begin(), set.end(), [](const Line& a, const Line& b) { return a.last_used < b.last_used; });
  evict(*oldest);
  oldest->number = number;
  return *oldest;
}

void L2Cache::evict(Line& line) {
  written_sectors_ += static_cast<u64>(std::popcount(line.dirty));
  line = {};
}

}  // namespace bnas::emu
