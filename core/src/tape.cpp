// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/tape.hpp"

#include <algorithm>
#include <set>

#include "bnas/core/error.hpp"
#include "bnas/core/kernels/elementwise.hpp"

namespace bnas {
namespace {

/// A tensor of its own with the values of a gradient.
Tensor copy_of(Stream& stream, const GradColumns& grad, const Shape& shape) {
  if (grad.tensor.shape() == shape) {
    return grad.tensor.clone(stream);
  }
  Tensor copy(stream, shape, DType::f32);
  dispatch<kernels::SliceChannels>(stream, grad.tensor, grad.begin, copy, GradMode::overwrite);
  return copy;
}

}  // namespace

const Tensor& BackwardContext::dy() {
  if (dy_.tensor.shape() != shape_) {
    dy_ = {copy_of(stream_, dy_, shape_)};
  }
  return dy_.tensor;
}

bool BackwardContext::wants(std::size_t i) const { return inputs_[i].needs_grad(); }

GradSlot BackwardContext::dx(std::size_t i) { return tape_.slot(inputs_[i].node); }

void BackwardContext::pass(std::size_t i) {
  if (wants(i)) {
    const Shape& shape = tape_.nodes_[static_cast<std::size_t>(inputs_[i].node)].shape;
    tape_.pass(inputs_[i].node, shape == shape_ ? dy_ : GradColumns{dy().reshaped(shape)});
  }
}

void BackwardContext::pass_columns(std::size_t i, std::int64_t begin) {
  if (wants(i)) {
    tape_.pass(inputs_[i].node, {dy_.tensor, dy_.begin + begin});
  }
}

Var Tape::leaf(const Tensor& value, const Tensor& grad, GradMode first_write) {
  check(grad.dtype() == DType::f32 && grad.shape() == value.shape(), "leaf",
        "gradient " + grad.shape().text() + " does not match value " + value.shape().text());
  const auto [known, is_new] = leaves_.emplace(grad.raw(), static_cast<std::int32_t>(nodes_.size()));
  if (!is_new) {  // a parameter used again is the same leaf
    return {value, known->second};
  }
  Node node;
  node.op = "leaf";
  node.shape = value.shape();
  node.grad = {grad};
  node.grad_written = first_write == GradMode::accumulate;
  nodes_.push_back(std::move(node));
  return {value, known->second};
}

Var Tape::record(const char* op, Tensor y, std::vector<Var> inputs, std::vector<Saved> saved, Backward backward) {
  if (std::none_of(inputs.begin(), inputs.end(), [](const Var& input) { return input.needs_grad(); })) {
    return {std::move(y)};
  }
  for (Var& input : inputs) {
    input.value = input.sums = Tensor();  // only what `saved` names is kept alive
    input.remake.reset();
  }
  Node node;
  node.op = op;
  node.shape = y.shape();
  node.inputs = std::move(inputs);
  if (keep_ == Keep::floats) {
    keep_floats(saved);
  }
  node.saved = std::move(saved);
  node.backward = std::move(backward);
  nodes_.push_back(std::move(node));
  return {std::move(y), static_cast<std::int32_t>(nodes_.size()) - 1};
}

void Tape::keep_floats(std::vector<Saved>& saved) {
  std::vector<Tensor> packed;
  for (const Saved& each : saved) {
    each.visit([&](const Tensor& tensor) {
      if (tensor.dtype() != DType::f32) {
        packed.push_back(tensor);
      }
    });
  }
  for (const Tensor& tensor : packed) {
    Tensor& copy = floats_[tensor.raw()];
    if (!copy.defined()) {
      copy = Tensor(stream_, tensor.shape(), DType::f32);
      dispatch<kernels::ToFloat>(stream_, tensor, copy);
    }
    saved.emplace_back(copy);
  }
}

GradSlot Tape::slot(std::int32_t index) {
  Node& node = nodes_[static_cast<std::size_t>(index)];
  if (!node.grad.tensor.defined()) {
    node.grad = {Tensor(stream_, node.shape, DType::f32)};
  } else if (node.grad_lent) {
    node.grad = {copy_of(stream_, node.grad, node.shape)};
    node.grad_lent = false;
  }
  const GradMode mode = node.grad_written ? GradMode::accumulate : GradMode::overwrite;
  node.grad_written = true;
  return {node.grad.tensor, mode};
}

void Tape::pass(std::int32_t index, const GradColumns& dy) {
  Node& node = nodes_[static_cast<std::size_t>(index)];
  if (node.backward && !node.grad_written) {
    node.grad = dy;
    node.grad_lent = node.grad_written = true;
    return;
  }
  GradSlot to = slot(index);
  if (dy.tensor.shape() == node.shape) {
    dispatch<kernels::Scale>(stream_, dy.tensor, 1.0F, to.tensor, to.mode);
  } else {
    dispatch<kernels::SliceChannels>(stream_, dy.tensor, dy.begin, to.tensor, to.mode);
  }
}

void Tape::backward(const Var& loss) {
  check(loss.value.numel() == 1, "backward", "the loss has shape " + loss.shape().text() + ", not a scalar");
  backward(loss, Tensor::full(stream_, loss.shape(), 1.0F));
}

void Tape::backward(const Var& y, const Tensor& dy) {
  check(y.needs_grad(), "backward", "the loss does not depend on any leaf of this tape");
  check(dy.dtype() == DType::f32 && dy.shape() == y.shape(), "backward",
        "gradient " + dy.shape().text() + " does not match value " + y.shape().text());
  floats_.clear();
  Node& end = nodes_[static_cast<std::size_t>(y.node)];
  check(static_cast<bool>(end.backward), "backward", "the loss is a leaf");
  end.grad = {dy};
  end.grad_lent = end.grad_written = true;
  for (std::size_t i = nodes_.size(); i-- > 0;) {
    Node& node = nodes_[i];
    if (!node.backward) {
      if (!node.grad_written) {  // a leaf that the loss does not reach
        node.grad.tensor.fill(stream_, 0.0F);
      }
      continue;
    }
    if (node.grad_written) {
      BackwardContext context(*this, stream_, node.shape, std::move(node.grad), node.saved, node.inputs);
      node.backward(context);
    }
    node.grad = {};
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
    const auto count = [&](const Tensor& tensor) {
      if ((keep_ == Keep::floats && tensor.dtype() != DType::f32) || !counted.insert(tensor.raw()).second) {
        return;
      }
      auto entry = std::find_if(result.begin(), result.end(), [&](const auto& item) { return item.first == node.op; });
      if (entry == result.end()) {
        entry = result.emplace(result.end(), node.op, 0);
      }
      entry->second += tensor.bytes();
    };
    for (const Saved& saved : node.saved) {
      saved.visit(count);
    }
  }
  return result;
}

}  // namespace bnas
