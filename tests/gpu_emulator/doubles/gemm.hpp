// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "doubles/numbers.hpp"

namespace bnas::emu {

/// A column-major matrix in device memory, one of a batch.
struct Matrix {
  void* address = nullptr;
  Number type = Number::f32;
  std::size_t rows = 0;  // as stored
  std::size_t columns = 0;
  std::size_t leading = 0;        // elements from column to column
  std::ptrdiff_t batch_step = 0;  // elements from matrix to matrix

  std::size_t column_bytes() const { return rows * bytes_of(type); }
  std::size_t pitch() const { return leading * bytes_of(type); }
  void* of_batch(std::size_t i) const {
    return static_cast<char*>(address) +
           static_cast<std::ptrdiff_t>(i) * batch_step * static_cast<std::ptrdiff_t>(bytes_of(type));
  }
  /// From the first element to the last of one matrix.
  std::size_t extent() const { return rows == 0 || columns == 0 ? 0 : (columns - 1) * pitch() + column_bytes(); }
};

/// C = alpha op(A) op(B) + beta C for each of a batch, summed in double over ascending k.
struct Gemm {
  Matrix a;
  Matrix b;
  Matrix c;  // m x n
  bool transpose_a = false;
  bool transpose_b = false;
  std::size_t inner = 0;  // k
  std::size_t batch = 1;
  double alpha = 1;
  double beta = 0;
  InputRounding rounding = InputRounding::none;

  /// On matrices whose addresses are those of their contents.
  void run() const;
};

}  // namespace bnas::emu
