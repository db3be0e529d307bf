// SPDX-License-Identifier: Apache-2.0
// A random order that any number of threads can make together: by sorting, where a Fisher-Yates shuffle is a chain of
// exchanges.
#pragma once

#include <cstdint>

#include "bnas/portable/philox.hpp"

namespace bnas {

/// Items in ascending order of shuffle_rank(key, item) are in random order, a function of key and number of items. Two
/// items draw the same 32-bit number with probability 2^-32; the smaller one then comes first.
BNAS_HD constexpr std::uint64_t shuffle_rank(const RandomKey& key, std::uint32_t item) {
  return std::uint64_t{key.bits(item)} << 32U | item;
}

}  // namespace bnas
