// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/cuda/number_type.hpp"
#include "bnas/cuda/status.hpp"

namespace bnas::cuda {

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
  return invalid_argument("x has no known type");
}

}  // namespace bnas::cuda
