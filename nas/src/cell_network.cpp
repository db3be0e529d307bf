// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/cell_network.hpp"

#include "bnas/core/kernels/loss.hpp"
#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/weights.hpp"

namespace bnas::nas {

CellNetwork::CellNetwork(Stream& stream, NetworkPlan plan, const Recipe& recipe, const RandomKey& init)
    : stream_(stream),
      squared_hinge_(recipe.loss == "squared_hinge"),
      xnor_scale_(recipe.layers.xnor_scale),
      network_(stream, std::move(plan), recipe.layers, init) {
  if (recipe.layers.weight == PseudoGradient::ste_sign && !xnor_scale_) {  // scales need the weights
    std::vector<nn::Parameter*> all;
    network_.parameters([&](nn::Parameter& parameter) { all.push_back(&parameter); });
    weight_bits_.emplace(stream_, all);
  }
}

ChildNetwork::Pass CellNetwork::differentiate(const Tensor& images, const Tensor& labels, const Tensor& values) {
  if (weight_bits_) {
    weight_bits_->binarize(stream_);
  }
  Tape tape(stream_);
  Context ctx{stream_, &tape, Mode::train, values};
  const Var logits = network_.forward(ctx, Var{images}, visit_);
  Tensor loss(stream_, {}, DType::f32), gradient(stream_, logits.shape(), DType::f32);
  if (squared_hinge_) {
    dispatch<kernels::SquaredHinge>(stream_, logits.value, labels, loss, gradient);
  } else {
    dispatch<kernels::SoftmaxCrossEntropy>(stream_, logits.value, labels, 0.0F, loss, gradient);
  }
  Pass pass{logits.value, loss, tape.saved_bytes()};
  tape.backward(logits, gradient);
  if (weight_bits_) {
    weight_bits_->mask_gradients(stream_);
  }
  return pass;
}

void CellNetwork::packed(const std::function<void(const std::string&, const Tensor&)>& visit) {
  Context ctx{stream_};
  network_.parameters([&](nn::Parameter& parameter) {
    if (parameter.role != nn::ParamRole::latent_binary) {
      visit(parameter.name, parameter.value);
      return;
    }
    visit(parameter.name + "_bits", ops::sign(ctx, Var{parameter.value}).value);
    if (xnor_scale_) {
      visit(parameter.name + "_scale",
            ops::filter_scale(ctx, Var{parameter.value}, ops::ScaleScope::filter, 0.0F).value);
    }
  });
}

}  // namespace bnas::nas
