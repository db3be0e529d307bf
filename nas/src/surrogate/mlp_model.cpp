// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/ops/linear.hpp"
#include "bnas/core/ops/sequence.hpp"
#include "bnas/core/ops/structure.hpp"
#include "surrogate/model_parts.hpp"

namespace bnas::nas {
namespace {

/// Scoring uses that the first layer is linear before its ReLU: it is the mean over blocks of what each token adds,
/// table row by table row. A prefix' state is the sum so far.
class MlpModel final : public CellModel {
 public:
  MlpModel(Stream& stream, const CellModelSize& size, RandomKey key, float head_bias)
      : size_(size),
        embeddings_(stream, size, key),
        first_(glorot_matrix(stream, "first.weight", size.hidden, kTokensPerBlock * size.embedding, key.derive(2))),
        first_bias_(nn::constant_parameter(stream, "first.bias", {size.hidden}, 0.0F)),
        second_(glorot_matrix(stream, "second.weight", size.hidden, size.hidden, key.derive(3))),
        second_bias_(nn::constant_parameter(stream, "second.bias", {size.hidden}, 0.0F)),
        head_(glorot_matrix(stream, "head.weight", 1, size.hidden, key.derive(4))),
        head_bias_(nn::constant_parameter(stream, "head.bias", {1}, head_bias)) {}

  Var logits(Context& ctx, std::span<const std::int32_t> tokens, int blocks) override {
    const Var inputs = use(ctx, embeddings_.inputs);
    const Var operations = use(ctx, embeddings_.operations);
    std::vector<Var> parts;
    for (int slot = 0; slot < kTokensPerBlock; ++slot) {  // row n * blocks + b
      const Tensor ids = pick_tokens(ctx.stream, tokens, static_cast<std::size_t>(slot), kTokensPerBlock);
      parts.push_back(ops::embedding(ctx, is_input_position(slot) ? inputs : operations, ids));
    }
    const Var rows = ops::concat_channels(ctx, parts);
    const std::int64_t cells = rows.shape()[0] / blocks;
    const Var mean = ops::global_avg_pool(ctx, reshape(ctx, rows, {cells, blocks, 1, rows.shape()[1]}));
    const Var a = ops::relu(ctx, ops::dense(ctx, mean, use(ctx, first_), use(ctx, first_bias_)));
    const Var b = ops::relu(ctx, ops::dense(ctx, a, use(ctx, second_), use(ctx, second_bias_)));
    return reshape(ctx, ops::dense(ctx, b, use(ctx, head_), use(ctx, head_bias_)), {cells});
  }

  void parameters(const std::function<void(nn::Parameter&)>& visit) override {
    for (nn::Parameter* p : {&embeddings_.inputs, &embeddings_.operations, &first_, &first_bias_, &second_,
                             &second_bias_, &head_, &head_bias_}) {
      visit(*p);
    }
  }

  void prepare(Stream& stream) override {
    contributions_.clear();
    for (int slot = 0; slot < kTokensPerBlock; ++slot) {
      const Tensor weight = columns_of(stream, first_.value, slot * size_.embedding, size_.embedding);
      const nn::Parameter& table = is_input_position(slot) ? embeddings_.inputs : embeddings_.operations;
      contributions_.push_back(product(stream, table.value, weight));
    }
  }

  State advance(Stream& stream, const State& state, int position, const Tensor& parents,
                const Tensor& tokens) const override {
    Tensor sum = rows_of(stream, contributions_[static_cast<std::size_t>(position % kTokensPerBlock)], tokens);
    if (!state.empty()) {
      add_to(stream, sum, rows_of(stream, state[0], parents));
    }
    return {sum};
  }

  Tensor finish(Stream& stream, const State& state, const Tensor& rows, int blocks) const override {
    const Tensor sum = rows_of(stream, state[0], rows);
    Tensor a(stream, sum.shape(), DType::f32);
    dispatch<kernels::Scale>(stream, sum, 1.0F / static_cast<float>(blocks), a, GradMode::overwrite);
    add_bias(stream, a, first_bias_.value);
    dispatch<kernels::Relu>(stream, a, a);
    Tensor b = product(stream, a, second_.value);
    add_bias(stream, b, second_bias_.value);
    dispatch<kernels::Relu>(stream, b, b);
    Tensor y = product(stream, b, head_.value);
    add_bias(stream, y, head_bias_.value);
    return y;
  }

 private:
  CellModelSize size_;
  Embeddings embeddings_;
  nn::Parameter first_;                // (H, 4E)
  nn::Parameter first_bias_;           // (H)
  nn::Parameter second_;               // (H,H)
  nn::Parameter second_bias_;          // (H)
  nn::Parameter head_;                 // (1,H)
  nn::Parameter head_bias_;            // (1)
  std::vector<Tensor> contributions_;  // per slot (V,H)
};

}  // namespace

std::unique_ptr<CellModel> make_mlp_model(Stream& stream, const CellModelSize& size, RandomKey key, float head_bias) {
  return std::make_unique<MlpModel>(stream, size, key, head_bias);
}

}  // namespace bnas::nas
