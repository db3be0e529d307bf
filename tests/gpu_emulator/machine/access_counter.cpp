// SPDX-License-Identifier: Apache-2.0
#include "machine/access_counter.hpp"

#include <algorithm>
#include <bit>
#include <vector>

namespace bnas::emu {

unsigned AccessCounter::sectors(const std::array<u64, 32>& addresses, LaneMask mask, std::array<u64, 32>& list) {
  constexpr int kSectorBits = 5;
  unsigned count = 0;
  bool ascending = true;
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    const u64 sector = addresses[static_cast<unsigned>(std::countr_zero(rest))] >> kSectorBits;
    if (count == 0 || sector != list[count - 1]) {
      ascending = ascending && (count == 0 || sector > list[count - 1]);
      list[count++] = sector;
    }
  }
  if (ascending) {
    return count;
  }
  const auto end = list.begin() + count;
  std::sort(list.begin(), end);
  return static_cast<unsigned>(std::unique(list.begin(), end) - list.begin());
}

unsigned AccessCounter::phase(const std::array<u64, 32>& offsets, LaneMask mask, int words) {
  u32 used = 0;
  bool conflict = false;
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    const u64 first = offsets[static_cast<unsigned>(std::countr_zero(rest))] / 4;
    for (u64 word = first; word < first + static_cast<u64>(words); ++word) {
      const unsigned bank = word % 32;
      if ((used >> bank & 1U) == 0) {
        used |= 1U << bank;
        word_of_bank_[bank] = word;
      } else {
        conflict = conflict || word_of_bank_[bank] != word;
      }
    }
  }
  if (!conflict) {
    return 0;
  }
  std::vector<u64> distinct;
  for (LaneMask rest = mask; rest != 0; rest &= rest - 1) {
    const u64 first = offsets[static_cast<unsigned>(std::countr_zero(rest))] / 4;
    for (u64 word = first; word < first + static_cast<u64>(words); ++word) {
      distinct.push_back(word);
    }
  }
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  std::array<unsigned, 32> words_in_bank{};
  for (const u64 word : distinct) {
    ++words_in_bank[word % 32];
  }
  return *std::max_element(words_in_bank.begin(), words_in_bank.end()) - 1;
}

unsigned AccessCounter::bank_conflicts(const std::array<u64, 32>& offsets, LaneMask mask, int bytes) {
  const int words = std::max(bytes / 4, 1);
  const int lanes = std::max(32 / words, 1);
  unsigned conflicts = 0;
  for (int first = 0; first < 32; first += lanes) {
    const LaneMask part = lanes == 32 ? mask : mask & (((1U << lanes) - 1) << first);
    conflicts += part == 0 ? 0 : phase(offsets, part, words);
  }
  return conflicts;
}

}  // namespace bnas::emu
