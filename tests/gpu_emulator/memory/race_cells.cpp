// SPDX-License-Identifier: Apache-2.0
#include "memory/race_cells.hpp"

#include <algorithm>
#include <bit>

namespace bnas::emu {

void WarpClocks::reset() {
  ++sync_;
  partial_ = false;
}

void WarpClocks::join(std::uint32_t mask, std::uint32_t live) {
  if ((live & ~mask) == 0) {
    reset();
    return;
  }
  if (!partial_) {
    partial_ = true;
    for (unsigned lane = 0; lane < 32; ++lane) {
      vectors_[lane].fill(0);
      vectors_[lane][lane] = 1;
    }
  }
  std::array<std::uint32_t, 32> joined{};
  for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    const auto& known = vectors_[static_cast<unsigned>(std::countr_zero(rest))];
    std::transform(joined.begin(), joined.end(), known.begin(), joined.begin(),
                   [](std::uint32_t a, std::uint32_t b) { return std::max(a, b); });
  }
  for (std::uint32_t rest = mask; rest != 0; rest &= rest - 1) {
    const auto lane = static_cast<unsigned>(std::countr_zero(rest));
    vectors_[lane] = joined;
    ++vectors_[lane][lane];
  }
}

bool RaceCells::ordered(const AccessTime& before, const Accessor& by) {
  if (before.epoch < by.block_begin) {
    return before.epoch < by.launch_begin;  // another block: ordered only by the end of its launch
  }
  if (before.epoch != by.now.epoch || before.thread == by.now.thread) {
    return true;
  }
  if (before.thread / 32 != by.now.thread / 32) {
    return false;
  }
  return by.clocks->knows(by.now.thread % 32u, before.thread % 32u, before);
}

Race RaceCells::note(Cell& cell, const Accessor& by) {
  Race race = Race::none;
  if (cell.write.epoch != 0 && !(by.strong && cell.write_strong) && !ordered(cell.write, by)) {
    race = by.write ? Race::write_write : Race::read_write;
  }
  if (!by.write) {
    if (cell.read.epoch != by.now.epoch) {
      cell.readers = one;
      cell.read_strong = by.strong;
    } else {
      if (cell.read.thread != by.now.thread) {
        cell.readers = cell.readers == many || cell.read.thread / 32 != by.now.thread / 32 ? many : one_warp;
      }
      cell.read_strong = cell.read_strong && by.strong;
    }
    cell.read = by.now;
    return race;
  }
  if (cell.read.epoch != 0 && !(by.strong && cell.read_strong)) {
    // Only the last reader's time is kept. With readers of several warps in this epoch, another one than the writer's
    // is among them; of one foreign warp, the last reader stands for all.
    const bool several = cell.read.epoch == by.now.epoch && cell.readers == many;
    if (several || !ordered(cell.read, by)) {
      race = race == Race::none ? Race::write_read : race;
    }
  }
  cell.write = by.now;
  cell.write_strong = by.strong;
  return race;
}

Race RaceCells::access_parts(std::size_t offset, std::size_t bytes, const Accessor& by) {
  Race found = Race::none;
  for (std::size_t at = offset; at < offset + bytes;) {
    const std::size_t word = at / 4;
    const bool whole = at % 4 == 0 && offset + bytes - at >= 4;
    if (!whole && split_[word] == 0) {
      bytes_.resize(words_.size() * 4);
      std::fill_n(bytes_.begin() + static_cast<std::ptrdiff_t>(word * 4), 4, words_[word]);
      split_[word] = 1;
    }
    const std::size_t end = whole ? at + 4 : at + 1;
    if (split_[word] == 0) {
      found = std::max(found, note(words_[word], by));
    } else {
      for (std::size_t byte = at; byte < end; ++byte) {
        found = std::max(found, note(bytes_[byte], by));
      }
    }
    at = end;
  }
  return found;
}

}  // namespace bnas::emu
