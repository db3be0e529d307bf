// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace bnas::emu {

enum class Number { f32, f16, bf16 };

std::size_t bytes_of(Number type);
double load(const void* array, std::size_t index, Number type);
/// Rounds to float, then to `type`, each to nearest even.
void store(void* array, std::size_t index, Number type, double value);

/// What a tensor core may make of its inputs.
enum class InputRounding { none, tf32, bf16, f16 };
double rounded(double value, InputRounding rounding);

}  // namespace bnas::emu
