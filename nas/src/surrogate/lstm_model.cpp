// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/ops/linear.hpp"
#include "bnas/core/ops/sequence.hpp"
#include "surrogate/model_parts.hpp"

namespace bnas::nas {
namespace {

/// Scoring splits gates = [x, h] w^T + bias = (x wx^T + bias) + h wh^T: the first term takes as many values as there
/// are tokens, the second as there are prefixes with a successor, so that the last token costs no product at all.
class LstmModel final : public CellModel {
 public:
  LstmModel(Stream& stream, const CellModelSize& size, RandomKey key, float head_bias)
      : size_(size),
        embeddings_(stream, size, key),
        weight_(glorot_matrix(stream, "lstm.weight", 4 * size.hidden, size.embedding + size.hidden, key.derive(2))),
        bias_(nn::constant_parameter(stream, "lstm.bias", {4 * size.hidden}, 0.0F)),
        head_(glorot_matrix(stream, "head.weight", 1, size.hidden, key.derive(3))),
        head_bias_(nn::constant_parameter(stream, "head.bias", {1}, head_bias)) {}

  Var logits(Context& ctx, std::span<const std::int32_t> tokens, int blocks) override {
    const int length = blocks * kTokensPerBlock;
    const Var inputs = use(ctx, embeddings_.inputs);
    const Var operations = use(ctx, embeddings_.operations);
    const Var weight = use(ctx, weight_);
    const Var bias = use(ctx, bias_);
    ops::LstmState state;
    for (int t = 0; t < length; ++t) {
      const Tensor ids = pick_tokens(ctx.stream, tokens, static_cast<std::size_t>(t), static_cast<std::size_t>(length));
      const Var x = ops::embedding(ctx, is_input_position(t) ? inputs : operations, ids);
      state = ops::lstm_step(ctx, x, state, weight, bias);
    }
    const Var y = ops::dense(ctx, state.h, use(ctx, head_), use(ctx, head_bias_));
    return reshape(ctx, y, {y.shape()[0]});
  }

  void parameters(const std::function<void(nn::Parameter&)>& visit) override {
    for (nn::Parameter* p : {&embeddings_.inputs, &embeddings_.operations, &weight_, &bias_, &head_, &head_bias_}) {
      visit(*p);
    }
  }

  void prepare(Stream& stream) override {
    const Tensor from_token = columns_of(stream, weight_.value, 0, size_.embedding);
    from_hidden_ = columns_of(stream, weight_.value, size_.embedding, size_.hidden);
    input_gates_ = product(stream, embeddings_.inputs.value, from_token);
    operation_gates_ = product(stream, embeddings_.operations.value, from_token);
    add_bias(stream, input_gates_, bias_.value);
    add_bias(stream, operation_gates_, bias_.value);
  }

  State advance(Stream& stream, const State& state, int position, const Tensor& parents,
                const Tensor& tokens) const override {
    Tensor gates = rows_of(stream, is_input_position(position) ? input_gates_ : operation_gates_, tokens);
    Tensor c_prev;
    if (!state.empty()) {
      add_to(stream, gates, rows_of(stream, product(stream, state[0], from_hidden_), parents));
      c_prev = rows_of(stream, state[1], parents);
    }
    Tensor c(stream, {tokens.numel(), size_.hidden}, DType::f32);
    Tensor h(stream, {tokens.numel(), size_.hidden}, DType::f32);
    dispatch<kernels::LstmCell>(stream, gates, c_prev, c, h);
    return {h, c};
  }

  Tensor finish(Stream& stream, const State& state, const Tensor& rows, int /*blocks*/) const override {
    Tensor y = product(stream, rows_of(stream, state[0], rows), head_.value);
    add_bias(stream, y, head_bias_.value);
    return y;
  }

 private:
  CellModelSize size_;
  Embeddings embeddings_;
  nn::Parameter weight_;     // (4H, E + H)
  nn::Parameter bias_;       // (4H)
  nn::Parameter head_;       // (1,H)
  nn::Parameter head_bias_;  // (1)
  Tensor from_hidden_;       // (4H,H)
  Tensor input_gates_;       // (V,4H), bias included
  Tensor operation_gates_;   // (V,4H), bias included
};

}  // namespace

std::unique_ptr<CellModel> make_lstm_model(Stream& stream, const CellModelSize& size, RandomKey key, float head_bias) {
  return std::make_unique<LstmModel>(stream, size, key, head_bias);
}

}  // namespace bnas::nas
