// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/core/tape.hpp"

namespace bnas::ops {

/// table f32 (V,D), ids i32 (N) -> (N,D).
Var embedding(Context& ctx, const Var& table, const Tensor& ids);

/// State of one LSTM layer; undefined tensors are zeros.
struct LstmState {
  Var h;  ///< (N,H)
  Var c;  ///< (N,H)
};

/// One step: gates = [x, h] w^T + bias with w (4H, D + H), bias (4H), gate order input, candidate, forget, output,
/// 1 added to the forget gate.
LstmState lstm_step(Context& ctx, const Var& x, const LstmState& state, const Var& w, const Var& bias);

}  // namespace bnas::ops
