// SPDX-License-Identifier: Apache-2.0
#include "doubles/gemm.hpp"

#include "doubles/device_work.hpp"

namespace bnas::emu {

void Gemm::run() const {
  for (std::size_t i = 0; i < batch; ++i) {
    const void* const a_data = contents(a.of_batch(i), a.extent());
    const void* const b_data = contents(b.of_batch(i), b.extent());
    void* const c_data = contents(c.of_batch(i), c.extent());
    for (std::size_t column = 0; column < c.columns; ++column) {
      for (std::size_t row = 0; row < c.rows; ++row) {
        double sum = 0;
        for (std::size_t k = 0; k < inner; ++k) {
          const std::size_t a_index = transpose_a ? k + row * a.leading : row + k * a.leading;
          const std::size_t b_index = transpose_b ? column + k * b.leading : k + column * b.leading;
          sum += rounded(load(a_data, a_index, a.type), rounding) * rounded(load(b_data, b_index, b.type), rounding);
        }
        const std::size_t at = row + column * c.leading;
        const double old = beta == 0 ? 0 : beta * load(c_data, at, c.type);  // 0 * NaN is not added
        store(c_data, at, c.type, alpha * sum + old);
      }
    }
  }
}

}  // namespace bnas::emu
