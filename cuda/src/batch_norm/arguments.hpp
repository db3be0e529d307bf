// SPDX-License-Identifier: Apache-2.0
// Host side that the launchers share: checks of arguments, types.
#pragma once

#include "batch_norm/channel_tile.cuh"

namespace bnas::cuda {

/// Tiles, of 16 channels at least, are numbered by blockIdx.y, which ends at 65535.
inline constexpr std::int64_t kMostChannels = 1'000'000;

inline bool is_valid(const NormInput& x) {
  return x.rows >= 0 && x.channels >= 0 && x.channels <= kMostChannels && (x.x != nullptr || x.rows * x.channels == 0);
}

inline bool is_valid(const BatchMoments& m) {
  return m.mean != nullptr && m.variance != nullptr && (m.running_mean == nullptr) == (m.running_variance == nullptr);
}

/// Calls launch(T{}) with the type of x.
template <class Launch>
Status with_number_type(NumberType type, Launch launch) {
  switch (type) {
    case NumberType::f32:
      return launch(float{});
    case NumberType::i8:
      return launch(std::int8_t{});
    case NumberType::i16:
      return launch(std::int16_t{});
    case NumberType::i32:
      return launch(std::int32_t{});
  }
  return invalid_argument("batch_norm: x has no known type");
}

}  // namespace bnas::cuda
