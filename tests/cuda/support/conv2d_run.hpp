// SPDX-License-Identifier: Apache-2.0
// Runs one pass of a convolution on host values, whatever computes it, and its definition.
#pragma once

#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include "bnas/cuda/conv2d.hpp"
#include "cuda/support/bits.hpp"
#include "cuda/support/device_buffer.hpp"
#include "cuda/support/scratch_memory.hpp"
#include "support/conv_oracle.hpp"

namespace bnas::cuda::test {

using testing_support::ConvShapes;
using testing_support::Values;

/// What is tested: a pass, its operand, and who computes it.
struct Conv2dKind {
  const char* name;
  Conv2dPass pass;
  bool depthwise;
  bool bits;
  Conv2dMethod method;
  Precision precision = Precision::f32;
};

inline void PrintTo(const Conv2dKind& kind, std::ostream* os) { *os << kind.name; }

inline int device_capability() {
  int major = 0, minor = 0;
  require_cuda(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0), "device");
  require_cuda(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0), "device");
  return 10 * major + minor;
}

/// Stride 1, no padding.
inline Conv2dDims dims_of(int n, int h, int w, int c, int o, int kh = 1, int kw = 1) {
  Conv2dDims d;
  d.n = n, d.h = h, d.w = w, d.c = c, d.o = o, d.kh = kh, d.kw = kw;
  return d;
}

inline std::string text(const Conv2dDims& d) {
  std::ostringstream out;
  out << d.n << "x" << d.h << "x" << d.w << "x" << d.c << " -> " << d.o << ", kernel " << d.kh << "x" << d.kw
      << ", stride " << d.stride_h << "," << d.stride_w << ", pad " << d.pad_h.begin << "," << d.pad_h.end << ";"
      << d.pad_w.begin << "," << d.pad_w.end << (d.pad_value == PadValue::one ? " of ones" : "");
  return out.str();
}

/// One call. a: x or dy; b: w, or x of a weight gradient; `start`: what is added to, empty to overwrite.
struct Conv2dCase {
  Conv2dKind kind;
  Conv2dDims dims;
  Values a, b, start;
};

inline std::size_t output_size(const Conv2dKind& kind, const Conv2dDims& d) {
  return kind.pass == Conv2dPass::forward          ? testing_support::y_size(d)
         : kind.pass == Conv2dPass::backward_input ? testing_support::x_size(d)
                                                   : testing_support::w_size(d, kind.depthwise);
}

/// Operands from `numbers`, a packed one from {-1, +1}.
template <class Numbers>
Conv2dCase make_case(const Conv2dKind& kind, const Conv2dDims& d, ConvShapes& shapes, Numbers numbers) {
  const bool forward = kind.pass == Conv2dPass::forward;
  const std::size_t b_size = kind.pass == Conv2dPass::backward_weight ? testing_support::x_size(d)
                                                                      : testing_support::w_size(d, kind.depthwise);
  Conv2dCase made{kind, d, {}, {}, {}};
  made.a = numbers(forward ? testing_support::x_size(d) : testing_support::y_size(d));
  made.b = kind.bits ? shapes.signs(b_size) : numbers(b_size);
  return made;
}

inline Values oracle(const Conv2dCase& c) {
  Values expected = c.kind.pass == Conv2dPass::forward
                        ? testing_support::conv_oracle(c.a, c.b, c.dims, c.kind.depthwise)
                    : c.kind.pass == Conv2dPass::backward_input
                        ? testing_support::input_gradient_oracle(c.a, c.b, c.dims, c.kind.depthwise)
                        : testing_support::weight_gradient_oracle(c.a, c.b, c.dims, c.kind.depthwise);
  for (std::size_t i = 0; i < c.start.size(); ++i) {
    expected[i] += c.start[i];
  }
  return expected;
}

inline std::vector<float> to_floats(const Values& values) { return {values.begin(), values.end()}; }

/// The buffers of a case on the device, and calls on them.
class Conv2dRun {
 public:
  Conv2dRun(const Conv2dCase& c, const Conv2dPlan& plan)
      : case_(c),
        plan_(plan),
        a_(DeviceBuffer<float>::input(to_floats(c.a))),
        floats_(DeviceBuffer<float>::input(c.kind.bits ? std::vector<float>{} : to_floats(c.b))),
        bits_(DeviceBuffer<Word>::input(c.kind.bits ? pack(c.b, c.dims.c) : std::vector<Word>{})),
        out_(DeviceBuffer<float>::output(output_size(c.kind, c.dims))),
        scratch_(plan.workspace_bytes) {
    restart();
  }

  /// The output as before the first call.
  void restart() {
    out_.reset();
    if (!case_.start.empty()) {
      out_.upload(to_floats(case_.start));
    }
  }

  Status launch(cudaStream_t stream, const Handles* handles = nullptr) const {
    const bool accumulate = !case_.start.empty();
    const Operand b = case_.kind.bits ? Operand(bits_.data()) : Operand(floats_.data());
    switch (case_.kind.pass) {
      case Conv2dPass::forward:
        return conv2d(plan_, a_.data(), b, out_.data(), scratch_.get(), stream, handles);
      case Conv2dPass::backward_input:
        return conv2d_backward_input(plan_, a_.data(), b, out_.data(), accumulate, scratch_.get(), stream, handles);
      case Conv2dPass::backward_weight:
        break;
    }
    return conv2d_backward_weight(plan_, a_.data(), b, out_.data(), accumulate, scratch_.get(), stream, handles);
  }

  /// The output; throws when something was written where nothing belongs. The stream must have been synchronized.
  std::vector<float> result() const {
    if (!scratch_.is_as_promised()) {
      throw std::runtime_error("tickets were left behind");
    }
    return out_.download();
  }

 private:
  const Conv2dCase& case_;
  const Conv2dPlan& plan_;
  DeviceBuffer<float> a_, floats_;
  DeviceBuffer<Word> bits_;
  DeviceBuffer<float> out_;
  ScratchMemory scratch_;
};

}  // namespace bnas::cuda::test
