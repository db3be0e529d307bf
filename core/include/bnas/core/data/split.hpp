// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "bnas/core/data/dataset.hpp"

namespace bnas {

enum class SplitMode : std::uint8_t {
  shuffled,  ///< validation images are drawn by the seed
  first,     ///< validation images are the first rows of the file
};

const char* split_mode_name(SplitMode mode);
/// "shuffled" or "first"; anything else is a `usage` Error.
SplitMode parse_split_mode(const std::string& name);

struct SplitOptions {
  std::int64_t valid_count = 5'000;   ///< 0: none, for the last training of a network that is chosen
  std::int64_t max_train_images = 0;  ///< 0: all that are not for validation
  SplitMode mode = SplitMode::shuffled;
  std::uint64_t seed = 1;
};

/// Training and validation images of one set, without a row in common, each in the order of the file. `record` is one
/// line that pins them down, with digests of the images and of the rows chosen: equal records, equal parts.
struct TrainValid {
  Train train;
  Valid valid;
  std::string record;
};

/// Splits `all`. The validation rows do not depend on max_train_images, and a smaller limit takes a subset of a larger
/// one. Counts that leave nothing to train on are a `usage` Error.
TrainValid split(const Dataset& all, const SplitOptions& options);

}  // namespace bnas
