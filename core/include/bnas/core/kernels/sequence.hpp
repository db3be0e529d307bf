// SPDX-License-Identifier: Apache-2.0
// Kernel tags: the parts of the LSTM surrogate.
#pragma once

#include "bnas/core/kernel_table.hpp"
#include "bnas/core/tape.hpp"

namespace bnas::kernels {

/// y (N,D) = table[ids]; table f32 (V,D), ids i32 (N) in [0, V): others are an Error naming the id.
struct Embedding {
  static constexpr const char* name = "embedding";
  using Signature = void(Stream&, const Tensor& table, const Tensor& ids, Tensor& y);
};

/// dtable (+)= dy scattered by ids, in order of n.
struct EmbeddingBackward {
  static constexpr const char* name = "embedding_backward";
  using Signature = void(Stream&, const Tensor& dy, const Tensor& ids, Tensor& dtable, GradMode mode);
};

/// The pointwise part of one LSTM step (Hochreiter and Schmidhuber 1997, no peepholes).
/// gates (N,4H) in the order input, candidate, forget, output, before their nonlinearities; 1 is added to forget.
/// Writes activated gates in place, c = f * c_prev + i * g, h = o * tanh(c); all f32 (N,H). c_prev undefined: zeros.
struct LstmCell {
  static constexpr const char* name = "lstm_cell";
  using Signature = void(Stream&, Tensor& gates, const Tensor& c_prev, Tensor& c, Tensor& h);
};

/// From dh and dc (undefined: zeros) writes dgates (N,4H) before the nonlinearities and dc_prev (overwritten;
/// undefined: not wanted).
struct LstmCellBackward {
  static constexpr const char* name = "lstm_cell_backward";
  using Signature = void(Stream&, const Tensor& dh, const Tensor& dc, const Tensor& gates, const Tensor& c_prev,
                         const Tensor& c, Tensor& dgates, Tensor& dc_prev);
};

}  // namespace bnas::kernels
