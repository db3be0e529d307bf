// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/tape.hpp"

#include <algorithm>
#include <set>

#include "bnas/core/error.hpp"

namespace bnas {

bool BackwardContext::wants(std::size_t i) const { return inputs_[i].needs_grad(); }

GradSlot BackwardContext::dx(std::size_t i) { return tape_.slot(inputs_[i].node); }

Var Tape::leaf(const Tensor& value, const Tensor& grad, GradMode first_write) {
  check(grad.dtype() == DType::f32 && grad.shape() == value.shape(), "leaf",
        "gradient " + grad.shape().text() + " does not match value " + value.shape().text());
  for (std::size_t i = 0; i < nodes_.size(); ++i) {  // a parameter used again is the same leaf
    if (!nodes_[i].backward && nodes_[i].grad.raw() == grad.raw()) {
      return {value, static_cast<std::int32_t>(i)};
    }
  }
  Node node;
  node.op = "leaf";
  node.shape = value.shape();
  node.grad = grad;
  node.grad_written = first_write == GradMode::accumulate;
  nodes_.push_back(std::move(node));
  return {value, static_cast<std::int32_t>(nodes_.size()) - 1};
}

Var Tape::record(const char* op, Tensor y, std::vector<Var> inputs, std::vector<Tensor> saved, Backward backward) {
  if (std::none_of(inputs.begin(), inputs.end(), [](const Var& input) { return input.needs_grad(); })) {
    return {std::move(y)};
  }
  for (Var& input : inputs) {
    input.value = Tensor();  // only what `saved` names is kept alive
  }
  Node node;
  node.op = op;
  node.shape = y.shape();
  node.inputs = std::move(inputs);
  node.saved = std::move(saved);
  node.backward = std::move(backward);
  nodes_.push_back(std::move(node));
  return {std::move(y), static_cast<std::int32_t>(nodes_.size()) - 1};
}

GradSlot Tape::slot(std::int32_t index) {
  Node& node = nodes_[static_cast<std::size_t>(index)];
  if (!node.grad.defined()) {
    node.grad = Tensor(stream_, node.shape, DType::f32);
  }
  const GradMode mode = node.grad_written ? GradMode::accumulate : GradMode::overwrite;
  node.grad_written = true;
  return {node.grad, mode};
}

void Tape::backward(const Var& loss) {
  check(loss.value.numel() == 1, "backward", "the loss has shape " + loss.shape().text() + ", not a scalar");
  backward(loss, Tensor::full(stream_, loss.shape(), 1.0F));
}

void Tape::backward(const Var& y, const Tensor& dy) {
  check(y.needs_grad(), "backward", "the loss does not depend on any leaf of this tape");
  check(dy.dtype() == DType::f32 && dy.shape() == y.shape(), "backward",
        "gradient " + dy.shape().text() + " does not match value " + y.shape().text());
  Node& end = nodes_[static_cast<std::size_t>(y.node)];
  check(static_cast<bool>(end.backward), "backward", "the loss is a leaf");
  end.grad = dy;
  end.grad_written = true;
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    Node& node = nodes_[i];
    if (!node.backward) {
      if (!node.grad_written) {  // a leaf that the loss does not reach
        node.grad.fill(stream_, 0.0F);
      }
      continue;
    }
    if (node.grad_written) {
      BackwardContext context(*this, stream_, std::move(node.grad), node.saved, node.inputs);
      node.backward(context);
    }
    node.grad = Tensor();
    node.saved.clear();
    node.backward = [](BackwardContext&) {
      throw Error(ErrorKind::internal, "[backward] a tape runs backward only once");
    };
  }
}

std::size_t Tape::saved_bytes() const {
  std::size_t total = 0;
  for (const auto& [op, bytes] : saved_by_op()) {
    total += bytes;
  }
  return total;
}

std::vector<std::pair<std::string, std::size_t>> Tape::saved_by_op() const {
  std::vector<std::pair<std::string, std::size_t>> result;
  std::set<const void*> counted;
  for (const Node& node : nodes_) {
    for (const Tensor& tensor : node.saved) {
      if (!tensor.defined() || !counted.insert(tensor.raw()).second) {
        continue;
      }
      auto entry = std::find_if(result.begin(), result.end(), [&](const auto& item) { return item.first == node.op; });
      if (entry == result.end()) {
        entry = result.emplace(result.end(), node.op, 0);
      }
      entry->second += tensor.bytes();
    }
  }
  return result;
}

}  // namespace bnas
