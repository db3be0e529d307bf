// SPDX-License-Identifier: Apache-2.0
// Runs one kernel of the CPU on host values, on every instruction set of this machine.
#pragma once

#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "backend/cpu/isa.hpp"
#include "bnas/core/backend.hpp"
#include "bnas/core/kernel_table.hpp"
#include "bnas/core/tensor.hpp"

namespace bnas::testing_support {

inline std::vector<float> to_floats(const std::vector<double>& values) {
  return std::vector<float>(values.begin(), values.end());
}

inline Tensor float_tensor(Stream& stream, const Shape& shape, const std::vector<double>& values) {
  return Tensor::from_host(stream, shape, std::span<const float>(to_floats(values)));
}

/// Packs -1 as 1 bits, channels innermost.
inline Tensor bit_tensor(Stream& stream, const Shape& shape, const std::vector<double>& values) {
  Tensor tensor(stream, shape, DType::bit);
  auto* words = tensor.data<Word>();
  std::memset(words, 0, tensor.bytes());
  const auto channels = static_cast<std::size_t>(shape.channels());
  const auto row_words = static_cast<std::size_t>(words_for(shape.channels()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] < 0) {
      words[i / channels * row_words + i % channels / 32] |= Word{1} << (i % channels % 32);
    }
  }
  return tensor;
}

/// A tensor of NaN bytes (integers: 0x7F), as an output that must be overwritten.
inline Tensor garbage_tensor(Stream& stream, const Shape& shape, DType dtype) {
  Tensor tensor(stream, shape, dtype);
  std::memset(tensor.raw(), 0x7F, tensor.bytes());
  if (dtype == DType::f32) {
    std::fill_n(tensor.data<float>(), tensor.numel(), std::numeric_limits<float>::quiet_NaN());
  }
  return tensor;
}

/// f32 and integer tensors as doubles.
inline std::vector<double> values_of(const Tensor& tensor) {
  std::vector<double> values(static_cast<std::size_t>(tensor.numel()));
  for (std::size_t i = 0; i < values.size(); ++i) {
    switch (tensor.dtype()) {
      case DType::f32:
        values[i] = tensor.data<float>()[i];
        break;
      case DType::i8:
        values[i] = tensor.data<std::int8_t>()[i];
        break;
      case DType::i16:
        values[i] = tensor.data<std::int16_t>()[i];
        break;
      default:
        values[i] = tensor.data<std::int32_t>()[i];
    }
  }
  return values;
}

/// Calls test(isa) under every instruction set of this machine, best first, and restores the best.
template <class Test>
void on_every_isa(Test test) {
  for (const cpu::Isa isa : cpu::supported_isas()) {
    cpu::use_isa(isa);
    test(isa);
  }
  cpu::use_isa(cpu::supported_isas().front());
}

inline std::string text(const Conv2dDims& d) {
  const auto pad = [](AxisPad p) { return std::to_string(p.begin) + "/" + std::to_string(p.end); };
  return "x (" + std::to_string(d.n) + "," + std::to_string(d.h) + "," + std::to_string(d.w) + "," +
         std::to_string(d.c) + ") w (" + std::to_string(d.o) + "," + std::to_string(d.kh) + "," + std::to_string(d.kw) +
         ") stride " + std::to_string(d.stride_h) + "," + std::to_string(d.stride_w) + " pad " + pad(d.pad_h) + "," +
         pad(d.pad_w) + (d.pad_value == PadValue::one ? " one" : " zero");
}

}  // namespace bnas::testing_support
