// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "backend/cpu/checks.hpp"
#include "backend/cpu/elementwise.hpp"

namespace bnas::cpu {

void transpose(Stream& /*stream*/, const Tensor& x, Tensor& y) {
  expect("transpose", "x", x, DType::f32);
  const Shape& shape = x.shape();
  if (shape.rank() != 3) {
    throw_unexpected("transpose", "x", x, "rank 3");
  }
  const std::int64_t a = shape[1], b = shape[2];
  expect("transpose", "y", y, DType::f32, Shape{shape[0], b, a});
  constexpr std::int64_t kTile = 16;  // floats of a cache line
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    const float* from = x.data<float>() + n * a * b;
    float* to = y.data<float>() + n * a * b;
    for (std::int64_t first = 0; first < a; first += kTile) {
      for (std::int64_t j = 0; j < b; ++j) {
        for (std::int64_t i = first; i < std::min(a, first + kTile); ++i) {
          to[j * a + i] = from[i * b + j];
        }
      }
    }
  }
}

}  // namespace bnas::cpu
