// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "bnas/portable/dims.hpp"

namespace bnas::cuda {

/// Outputs along one axis by the taps that lie inside the image: one class for each whose window the border cuts, and
/// one for all others, those in [first, last). Classes are numbered in the order of the outputs.
struct AxisClasses {
  int outputs = 0;
  int first = 0;
  int last = 0;

  static constexpr AxisClasses of_rows(const Conv2dDims& d) {
    return cut(d.pad_value, d.oh(), d.h, d.kh, d.stride_h, d.pad_h.begin);
  }
  static constexpr AxisClasses of_columns(const Conv2dDims& d) {
    return cut(d.pad_value, d.ow(), d.w, d.kw, d.stride_w, d.pad_w.begin);
  }

  /// The most classes that `count` neighbouring outputs have.
  constexpr int most(int count) const { return std::min(count, of(outputs - 1) + 1); }

  BNAS_HD constexpr int of(int output) const {
    return output < first ? output : output < last ? first : output - last + first + (last > first);
  }
  /// One of the class.
  BNAS_HD constexpr int output_of(int number) const {
    return number < first + (last > first) ? number : number - first - (last > first) + last;
  }

 private:
  static constexpr AxisClasses cut(PadValue value, int outputs, int length, int kernel, int stride, int pad) {
    if (value == PadValue::one) {
      return {outputs, 0, outputs};  // every tap counts
    }
    const int first = std::clamp((pad + stride - 1) / stride, 0, outputs);
    const int last = length + pad < kernel ? 0 : (length + pad - kernel) / stride + 1;
    return {outputs, first, std::clamp(last, first, outputs)};
  }
};

}  // namespace bnas::cuda
