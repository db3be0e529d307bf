// SPDX-License-Identifier: Apache-2.0
// Packing by its definition, one bit at a time: the oracle side of tests on packed words.
#pragma once

#include <cstddef>
#include <vector>

#include "bnas/portable/bits.hpp"

namespace bnas::cuda::test {

/// Rows of `channels` values, negative ones as 1 bits; padding bits are 0.
template <class T>
std::vector<Word> pack(const std::vector<T>& values, int channels) {
  const auto row = static_cast<std::size_t>(channels);
  const auto words = static_cast<std::size_t>(words_for(channels));
  std::vector<Word> packed(values.size() / row * words, 0U);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] < T{0}) {
      packed[i / row * words + i % row / kWordBits] |= Word{1} << (i % row % kWordBits);
    }
  }
  return packed;
}

/// -1 for 1 bits, +1 for 0 bits.
template <class T>
std::vector<T> unpack(const std::vector<Word>& packed, std::size_t rows, int channels) {
  const auto row = static_cast<std::size_t>(channels);
  const auto words = static_cast<std::size_t>(words_for(channels));
  std::vector<T> values(rows * row);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Word word = packed[i / row * words + i % row / kWordBits];
    values[i] = (word >> (i % row % kWordBits) & 1U) != 0U ? T{-1} : T{1};
  }
  return values;
}

}  // namespace bnas::cuda::test
