// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "bnas/core/tensor.hpp"

namespace bnas {

struct Var;
class Saved;

/// What a tape keeps for its backward pass.
enum class Keep : std::uint8_t {
  values,  ///< what backward functions read, as it is
  parts,   ///< of values that are cheap to make, what they are made of where that is kept anyway: slower, smaller
  floats,  ///< as `values`, and bits and integers as f32 besides: to measure what packing saves, for nothing else
};

/// How a value is made again for backward. `make` runs at most once, when the value is first asked for; the value
/// lives as long as this does.
class Remake {
 public:
  using Make = std::function<Tensor(Stream&, const std::vector<Tensor>& parts)>;

  Remake(std::vector<Saved> parts, Make make);
  const Tensor& value(Stream& stream);
  /// Every tensor that it keeps.
  void visit(const std::function<void(const Tensor&)>& found) const;

 private:
  std::vector<Saved> parts_;
  Make make_;
  Tensor made_;
};

/// A tensor that backward reads again: kept, or to be made from what is.
class Saved {
 public:
  Saved() = default;
  Saved(Tensor value) : value_(std::move(value)) {}  // NOLINT(google-explicit-constructor): lists of tensors are usual
  /// The value of `var`, made again where that is possible.
  Saved(const Var& var);  // NOLINT(google-explicit-constructor)

  /// Undefined where nothing was kept.
  const Tensor& value(Stream& stream) const { return remake_ ? remake_->value(stream) : value_; }
  void visit(const std::function<void(const Tensor&)>& found) const;

 private:
  Tensor value_;
  std::shared_ptr<Remake> remake_;
};

}  // namespace bnas
