// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/saved.hpp"

#include "bnas/core/tape.hpp"

namespace bnas {

Remake::Remake(std::vector<Saved> parts, Make make) : parts_(std::move(parts)), make_(std::move(make)) {}

const Tensor& Remake::value(Stream& stream) {
  if (!made_.defined()) {
    std::vector<Tensor> values;
    for (const Saved& part : parts_) {
      values.push_back(part.value(stream));
    }
    made_ = make_(stream, values);
  }
  return made_;
}

void Remake::visit(const std::function<void(const Tensor&)>& found) const {
  for (const Saved& part : parts_) {
    part.visit(found);
  }
}

Saved::Saved(const Var& var) : value_(var.remake ? Tensor() : var.value), remake_(var.remake) {}

void Saved::visit(const std::function<void(const Tensor&)>& found) const {
  if (remake_) {
    remake_->visit(found);
  } else if (value_.defined()) {
    found(value_);
  }
}

}  // namespace bnas
