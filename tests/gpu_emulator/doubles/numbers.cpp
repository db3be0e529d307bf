// SPDX-License-Identifier: Apache-2.0
#include "doubles/numbers.hpp"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <bit>
#include <cstdint>

namespace bnas::emu {

std::size_t bytes_of(Number type) { return type == Number::f32 ? 4 : 2; }

double load(const void* array, std::size_t index, Number type) {
  switch (type) {
    case Number::f32:
      return static_cast<double>(static_cast<const float*>(array)[index]);
    case Number::f16:
      return static_cast<double>(__half2float(static_cast<const __half*>(array)[index]));
    case Number::bf16:
      return static_cast<double>(__bfloat162float(static_cast<const __nv_bfloat16*>(array)[index]));
  }
  return 0;
}

void store(void* array, std::size_t index, Number type, double value) {
  const auto single = static_cast<float>(value);
  switch (type) {
    case Number::f32:
      static_cast<float*>(array)[index] = single;
      return;
    case Number::f16:
      static_cast<__half*>(array)[index] = __float2half_rn(single);
      return;
    case Number::bf16:
      static_cast<__nv_bfloat16*>(array)[index] = __float2bfloat16_rn(single);
      return;
  }
}

double rounded(double value, InputRounding rounding) {
  const auto single = static_cast<float>(value);
  switch (rounding) {
    case InputRounding::none:
      return value;
    case InputRounding::tf32: {  // 10 bits of mantissa, nearest, ties away from zero (cvt.rna.tf32.f32)
      const auto bits = std::bit_cast<std::uint32_t>(single);
      const bool finite = (bits & 0x7f800000U) != 0x7f800000U;
      return static_cast<double>(std::bit_cast<float>(finite ? (bits + 0x1000U) & ~0x1fffU : bits));
    }
    case InputRounding::bf16:
      return static_cast<double>(__bfloat162float(__float2bfloat16_rn(single)));
    case InputRounding::f16:
      return static_cast<double>(__half2float(__float2half_rn(single)));
  }
  return value;
}

}  // namespace bnas::emu
