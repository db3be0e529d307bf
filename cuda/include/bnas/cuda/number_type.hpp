// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace bnas::cuda {

/// Types of numbers that a kernel may read.
enum class NumberType : std::uint8_t { f32, i8, i16, i32 };

}  // namespace bnas::cuda
