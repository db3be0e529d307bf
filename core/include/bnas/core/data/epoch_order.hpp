// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "bnas/portable/philox.hpp"

namespace bnas {

/// A uniformly random order of 0 to n-1 (Fisher-Yates; Knuth, The Art of Computer Programming 2, algorithm P), a
/// function of key and n alone.
std::vector<std::int32_t> random_permutation(const RandomKey& key, std::int64_t n);

/// In which order one epoch of one trial sees its training images.
class EpochOrder {
 public:
  EpochOrder(std::uint64_t seed, std::uint64_t trial, std::uint64_t epoch, std::int64_t n)
      : order_(random_permutation(RandomKey{seed, trial, RandomPurpose::shuffle}.derive(epoch), n)) {}

  std::span<const std::int32_t> rows() const { return order_; }

 private:
  std::vector<std::int32_t> order_;
};

}  // namespace bnas
