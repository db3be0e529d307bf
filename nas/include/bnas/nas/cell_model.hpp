// SPDX-License-Identifier: Apache-2.0
// The networks behind the neural surrogates: Progressive NAS (Liu et al. 2018), section 4.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "bnas/core/nn/module.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas::nas {

/// What a model is built for.
struct CellModelSize {
  int input_tokens = 1;
  int operators = 1;
  int embedding = 100;
  int hidden = 100;
};

/// Maps tokens of cells (SearchSpace::tokens: input0, input1, op0, op1 per block) to one number each, the logit of the
/// reward. Inputs and operations have embedding tables of their own. Two ways that agree up to rounding: logits() for
/// training, and prefix states for scoring many cells, where cells with a common beginning share its work. A row of a
/// state depends on its prefix alone, bit for bit. Not thread-safe.
class CellModel {
 public:
  virtual ~CellModel() = default;

  /// Logits (N) of cells with equally many blocks; `tokens` holds one cell after the other.
  virtual Var logits(Context& ctx, std::span<const std::int32_t> tokens, int blocks) = 0;
  virtual void parameters(const std::function<void(nn::Parameter&)>& visit) = 0;

  /// One row per prefix in each tensor; empty for the empty prefix.
  using State = std::vector<Tensor>;
  /// Derives what advance() and finish() read from the parameters; call it after training.
  virtual void prepare(Stream& stream) = 0;
  /// Row i: row parents[i] of `state` followed by tokens[i], which stands at `position` of its cell. ids i32.
  virtual State advance(Stream& stream, const State& state, int position, const Tensor& parents,
                        const Tensor& tokens) const = 0;
  /// Logits (N,1) of the given rows, prefixes that are cells of `blocks` blocks.
  virtual Tensor finish(Stream& stream, const State& state, const Tensor& rows, int blocks) const = 0;
};

/// An LSTM over the 4b tokens in order; its last hidden state feeds the head.
std::unique_ptr<CellModel> make_lstm_model(Stream& stream, const CellModelSize& size, RandomKey key, float head_bias);
/// The four embeddings of a block side by side, averaged over blocks, then two layers with ReLU and the head.
std::unique_ptr<CellModel> make_mlp_model(Stream& stream, const CellModelSize& size, RandomKey key, float head_bias);

/// Logits of `cells`, in their order, whatever else is scored with them. The model must be prepared. Works in chunks,
/// so that memory does not grow with the number of cells beyond a few words each.
std::vector<float> score_cells(Stream& stream, const CellModel& model,
                               std::span<const std::vector<std::int32_t>> cells);

}  // namespace bnas::nas
