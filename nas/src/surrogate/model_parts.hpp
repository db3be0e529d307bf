// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/core/kernel_table.hpp"
#include "bnas/core/kernels/conv.hpp"
#include "bnas/core/kernels/elementwise.hpp"
#include "bnas/core/kernels/sequence.hpp"
#include "bnas/core/nn/init.hpp"
#include "bnas/nas/cell_model.hpp"

namespace bnas::nas {

inline constexpr int kTokensPerBlock = 4;
/// Positions 0 and 1 of a block hold inputs, 2 and 3 operations.
inline bool is_input_position(int position) { return position % kTokensPerBlock < 2; }

/// The embedding tables of the paper, uniform in [-0.1, 0.1).
struct Embeddings {
  Embeddings(Stream& stream, const CellModelSize& size, RandomKey key)
      : inputs(table(stream, "inputs", size.input_tokens, size.embedding, key.derive(0))),
        operations(table(stream, "operations", size.operators, size.embedding, key.derive(1))) {}

  nn::Parameter inputs;      // (V,E)
  nn::Parameter operations;  // (V,E)

 private:
  static nn::Parameter table(Stream& stream, const char* name, int rows, int columns, RandomKey key) {
    constexpr float kLimit = 0.1F;
    return nn::uniform_parameter(stream, name, nn::ParamRole::real, {rows, columns}, key, kLimit);
  }
};

/// A weight matrix (out, in), Glorot-uniform.
inline nn::Parameter glorot_matrix(Stream& stream, const char* name, int out, int in, RandomKey key) {
  return nn::uniform_parameter(stream, name, nn::ParamRole::real, {out, in}, key, nn::glorot_limit(in, out));
}

/// Every `stride`-th token from `first` on, as ids.
inline Tensor pick_tokens(Stream& stream, std::span<const std::int32_t> tokens, std::size_t first, std::size_t stride) {
  std::vector<std::int32_t> ids;
  for (std::size_t i = first; i < tokens.size(); i += stride) {
    ids.push_back(tokens[i]);
  }
  return Tensor::from_host(stream, {static_cast<std::int64_t>(ids.size())}, std::span<const std::int32_t>(ids));
}

/// The same values under another shape; the gradient passes.
inline Var reshape(Context& ctx, const Var& x, const Shape& shape) {
  return ctx.record("reshape", x.value.reshaped(shape), {x}, {}, [](BackwardContext& bw) { bw.pass(0); });
}

/// a w^T: a (N,K), w (O,K) -> (N,O).
inline Tensor product(Stream& stream, const Tensor& a, const Tensor& w) {
  Tensor y(stream, {a.shape()[0], w.shape()[0]}, DType::f32);
  dispatch<kernels::Gemm>(stream, a, false, w, true, y, GradMode::overwrite);
  return y;
}

inline Tensor rows_of(Stream& stream, const Tensor& table, const Tensor& ids) {
  Tensor y(stream, {ids.numel(), table.shape()[1]}, DType::f32);
  dispatch<kernels::Embedding>(stream, table, ids, y);
  return y;
}

inline Tensor columns_of(Stream& stream, const Tensor& matrix, std::int64_t begin, std::int64_t count) {
  Tensor y(stream, {matrix.shape()[0], count}, DType::f32);
  dispatch<kernels::SliceChannels>(stream, matrix, begin, y, GradMode::overwrite);
  return y;
}

inline void add_to(Stream& stream, Tensor& y, const Tensor& x) { dispatch<kernels::Add>(stream, y, x, y); }
inline void add_bias(Stream& stream, Tensor& y, const Tensor& bias) { dispatch<kernels::AddBias>(stream, y, bias, y); }

}  // namespace bnas::nas
