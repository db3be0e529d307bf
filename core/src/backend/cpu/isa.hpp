// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bnas::cpu {

/// Instruction sets with kernels of their own, best first. Results are the same bits on all of them.
enum class Isa : std::uint8_t { avx512_vpopcntdq, avx512, avx2, portable };

/// The sets that this processor has; `portable` is always there.
std::vector<Isa> supported_isas();

/// The set that kernels use now.
Isa current_isa();

/// Makes all kernels use `isa`, or the best supported set when this one is not supported. For tests and benchmarks:
/// call it while no kernel runs.
void use_isa(Isa isa);

/// For people: "AVX-512 VPOPCNTDQ".
const char* isa_name(Isa isa);
inline std::string cpu_isa_name() { return isa_name(current_isa()); }

}  // namespace bnas::cpu
