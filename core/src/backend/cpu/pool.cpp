// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/pool.hpp"

#include <string>

#include "bnas/core/error.hpp"

namespace bnas::cpu {
namespace {

bool every_window_has_taps(int outputs, int length, int kernel, int stride, AxisPad pad) {
  for (int out = 0; out < outputs; ++out) {
    const Taps taps = taps_inside(out, length, kernel, stride, pad);
    if (taps.begin >= taps.end) {
      return false;
    }
  }
  return true;
}

}  // namespace

void expect_pool(const char* op, const Pool2dDims& dims, const Shape& x, const Shape& y) {
  const bool shapes_fit =
      x == Shape{dims.n, dims.h, dims.w, dims.c} && y == Shape{dims.n, dims.oh(), dims.ow(), dims.c};
  if (!shapes_fit || !every_window_has_taps(dims.oh(), dims.h, dims.kh, dims.stride_h, dims.pad_h) ||
      !every_window_has_taps(dims.ow(), dims.w, dims.kw, dims.stride_w, dims.pad_w)) {
    throw Error(ErrorKind::internal, "[" + std::string(op) + "] cpu: x " + x.text() + " and y " + y.text() +
                                         " do not fit a " + std::to_string(dims.kh) + "x" + std::to_string(dims.kw) +
                                         " window, or a window lies wholly outside the image");
  }
}

}  // namespace bnas::cpu
