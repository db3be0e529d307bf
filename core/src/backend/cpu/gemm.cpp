// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/conv_kernels.hpp"
#include "backend/cpu/conv_window.hpp"
#include "backend/cpu/fma_tile.hpp"

namespace bnas::cpu {

void gemm(Stream& stream, const Tensor& a, bool transpose_a, const Tensor& b, bool transpose_b, Tensor& c,
          GradMode mode) {
  check(a.shape().rank() == 2 && b.shape().rank() == 2 && c.shape().rank() == 2, "gemm", "operands must be matrices");
  const std::int64_t rows = c.shape()[0];
  const std::int64_t columns = c.shape()[1];
  const std::int64_t depth = a.shape()[transpose_a ? 0 : 1];
  check(a.shape()[transpose_a ? 1 : 0] == rows && b.shape()[transpose_b ? 0 : 1] == columns &&
            b.shape()[transpose_b ? 1 : 0] == depth,
        "gemm", a.shape().text() + " times " + b.shape().text() + " is not " + c.shape().text());
  FmaArgs args;
  args.a = a.data<float>();
  args.a_row = transpose_a ? 1 : depth;
  args.a_step = transpose_a ? rows : 1;
  args.b = b.data<float>();
  args.b_step = columns;
  Scratch<float> packed;
  if (transpose_b) {
    packed = Scratch<float>(stream, depth * columns);
    for (std::int64_t j = 0; j < columns; ++j) {
      for (std::int64_t k = 0; k < depth; ++k) {
        packed.data()[k * columns + j] = args.b[j * depth + k];
      }
    }
    args.b = packed.data();
  }
  const TileRun run;
  args.runs = &run;
  args.run_count = 1;
  args.run_length = depth;
  args.c = c.data<float>();
  args.c_row = columns;
  args.columns = static_cast<int>(columns);
  args.accumulate = mode == GradMode::accumulate;
  fma_block(args, static_cast<int>(rows));
}

}  // namespace bnas::cpu
