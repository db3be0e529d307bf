// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "bnas/portable/bits.hpp"

namespace bnas::cpu {

/// Rows of packed bits as dense rows of `channels` floats -1 and +1. Up to 64 bytes behind `out` are overwritten.
void expand_bits(const Word* bits, std::int64_t rows, int channels, float* out);

}  // namespace bnas::cpu
