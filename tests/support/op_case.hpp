// SPDX-License-Identifier: Apache-2.0
// One description per operation and size: data, how to call it, an oracle in float64, and the rule of its gradient.
// tests/ops/op_case_test.cpp runs every case on every device.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "bnas/core/tape.hpp"

namespace bnas::test {

/// Values on the host in float64, row-major.
struct Array {
  Shape shape;
  std::vector<double> values;

  Array() = default;
  explicit Array(const Shape& s) : shape(s), values(static_cast<std::size_t>(s.numel()), 0.0) {}
  double& operator[](std::int64_t i) { return values[static_cast<std::size_t>(i)]; }
  double operator[](std::int64_t i) const { return values[static_cast<std::size_t>(i)]; }
  std::int64_t size() const { return static_cast<std::int64_t>(values.size()); }
};

/// What an input is made of. All values are exact in f32, so that oracle and operation start from the same numbers.
enum class Fill {
  reals,     ///< odd multiples of 2^-11 in (-2, 2): never on the kinks 0, 1 and -1, nor nearer than a difference step
  distinct,  ///< a permutation of odd multiples of 2^-8: no two are equal, so a maximum is unique
  integers,  ///< uniform in [low, high]
  listed,    ///< exactly `values`
};

struct Input {
  DType dtype = DType::f32;
  Shape shape;
  Fill fill = Fill::reals;
  int low = 0, high = 0;
  std::vector<double> values = {};
  bool differentiable = true;

  static Input real(const Shape& shape) { return {DType::f32, shape}; }
  static Input distinct(const Shape& shape) { return {DType::f32, shape, Fill::distinct}; }
  /// Values -1 and +1.
  static Input bits(const Shape& shape) { return {DType::bit, shape, Fill::integers, 0, 1}; }
  static Input integers(const Shape& shape, DType dtype, int low, int high) {
    return {dtype, shape, Fill::integers, low, high};
  }
  static Input listed(const Shape& shape, std::vector<double> values, DType dtype = DType::f32) {
    return {dtype, shape, Fill::listed, 0, 0, std::move(values)};
  }
  /// The same input as data: labels, targets, ids.
  Input constant() const {
    Input input = *this;
    input.differentiable = false;
    return input;
  }
};

enum class Gradient {
  none,         ///< the operation has no differentiable input
  jacobian,     ///< central differences of the float64 oracle
  closed_form,  ///< pseudo-gradients and maxima of signs: the rule itself, in float64
};

using Arrays = std::vector<Array>;

struct OpCase {
  std::string op;    ///< function of bnas::ops
  std::string name;  ///< unique; what is special about this size
  std::vector<Input> inputs;
  std::function<Var(Context&, const std::vector<Var>&)> build;
  std::function<Array(const Arrays&)> oracle;
  DType result = DType::f32;
  /// Largest |difference| over the largest |expected| of the tensor; 0 demands equality.
  double tolerance = 0.0;
  const char* reason = "integers and signs are exact";
  Gradient gradient = Gradient::jacobian;
  /// Gradients of the differentiable inputs, in their order, from all inputs and the upstream gradient.
  std::function<Arrays(const Arrays& inputs, const Array& dy)> closed_form = {};
  Mode mode = Mode::train;
  /// Gradients are compared relative to the largest one, or to this where all are smaller.
  double gradient_floor = 1e-3;
};

/// Rounding of a few hundred f32 additions relative to their largest partial sum.
inline constexpr double kSumTolerance = 1e-5;
inline constexpr const char* kSumReason = "f32 sums of up to a few hundred terms";
/// A handful of f32 operations.
inline constexpr double kMapTolerance = 1e-6;
inline constexpr const char* kMapReason = "a few f32 operations per element";

/// All cases of the program, filled by static initializers before main.
inline std::vector<OpCase>& op_cases() {
  static std::vector<OpCase> cases;
  return cases;
}

inline bool add_cases(std::vector<OpCase> cases) {
  for (OpCase& op_case : cases) {
    op_cases().push_back(std::move(op_case));
  }
  return true;
}

}  // namespace bnas::test
