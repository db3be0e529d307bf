// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "bnas/core/data/dataset.hpp"

namespace bnas {

/// A made-up set that a network can learn: every class has a prototype image of smooth random patches, every image is
/// its class's prototype with uniform noise of [-noise, noise] added. Integer arithmetic: the same bytes everywhere.
struct SyntheticSpec {
  std::int64_t train_count = 2'000;
  std::int64_t test_count = 500;
  std::int64_t height = 28;
  std::int64_t width = 28;
  std::int64_t channels = 1;
  int classes = 10;
  int noise = 64;          ///< 0 to 255
  std::uint64_t seed = 1;  ///< of prototypes, labels and noise
};

/// `train_count` or `test_count` images; both parts have the same prototypes and no noise in common.
Dataset make_synthetic_train(const SyntheticSpec& spec);
Dataset make_synthetic_test(const SyntheticSpec& spec);

}  // namespace bnas
