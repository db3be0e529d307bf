// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/tensor.hpp"

#include <type_traits>

#include "bnas/core/backend.hpp"
#include "bnas/core/kernels/elementwise.hpp"

namespace bnas {
namespace {

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) {
    return DType::f32;
  } else if constexpr (std::is_same_v<T, std::int32_t>) {
    return DType::i32;
  } else if constexpr (std::is_same_v<T, std::int16_t>) {
    return DType::i16;
  } else if constexpr (std::is_same_v<T, std::int8_t>) {
    return DType::i8;
  } else if constexpr (std::is_same_v<T, std::uint8_t>) {
    return DType::u8;
  } else {
    static_assert(std::is_same_v<T, Word>, "no element type of a tensor");
    return DType::bit;
  }
}

template <class T>
Tensor to_device(Stream& stream, const Shape& shape, std::span<const T> values) {
  check(static_cast<std::int64_t>(values.size()) == shape.numel(), "from_host",
        std::to_string(values.size()) + " values for shape " + shape.text());
  Tensor tensor(stream, shape, dtype_of<T>());
  stream.backend().copy_from_host(tensor.raw(), values.data(), values.size_bytes(), stream);
  return tensor;
}

}  // namespace

Tensor::Tensor(Stream& stream, const Shape& shape, DType dtype)
    : shape_(shape), dtype_(dtype), storage_(stream.allocate(storage_bytes(shape, dtype))) {}

Tensor Tensor::zeros(Stream& stream, const Shape& shape, DType dtype) {
  Tensor tensor(stream, shape, dtype);
  // All-zero bytes are zero in every type (for bits: all +1), so bytes are filled as floats of a covering size.
  Tensor bytes = tensor;
  bytes.shape_ = Shape{static_cast<std::int64_t>((tensor.bytes() + sizeof(float) - 1) / sizeof(float))};
  bytes.dtype_ = DType::f32;
  dispatch<kernels::Fill>(stream, bytes, 0.0F);
  return tensor;
}

Tensor Tensor::full(Stream& stream, const Shape& shape, float value) {
  Tensor tensor(stream, shape, DType::f32);
  tensor.fill(stream, value);
  return tensor;
}

Tensor Tensor::from_host(Stream& stream, const Shape& shape, std::span<const float> values) {
  return to_device(stream, shape, values);
}
Tensor Tensor::from_host(Stream& stream, const Shape& shape, std::span<const std::int32_t> values) {
  return to_device(stream, shape, values);
}
Tensor Tensor::from_host(Stream& stream, const Shape& shape, std::span<const std::uint8_t> values) {
  return to_device(stream, shape, values);
}

template <class T>
T* Tensor::data() const {
  if (dtype_ != dtype_of<T>()) {
    throw Error(ErrorKind::internal, std::string("[data] tensor ") + shape_.text() + " is " + dtype_name(dtype_) +
                                         ", not " + dtype_name(dtype_of<T>()));
  }
  return static_cast<T*>(raw());
}
template float* Tensor::data<float>() const;
template std::int32_t* Tensor::data<std::int32_t>() const;
template std::int16_t* Tensor::data<std::int16_t>() const;
template std::int8_t* Tensor::data<std::int8_t>() const;
template std::uint8_t* Tensor::data<std::uint8_t>() const;
template Word* Tensor::data<Word>() const;

bool Tensor::can_reshape(const Shape& shape) const {
  const std::int64_t channels = shape.channels(), own = shape_.channels();
  const bool same_padding = channels == own || (channels % kWordBits == 0 && own % kWordBits == 0);
  return shape.numel() == shape_.numel() && (dtype_ != DType::bit || same_padding);
}

Tensor Tensor::reshaped(const Shape& shape) const {
  check(can_reshape(shape), "reshape",
        shape_.text() + " of " + dtype_name(dtype_) + " cannot be seen as " + shape.text());
  Tensor view = *this;
  view.shape_ = shape;
  return view;
}

Tensor Tensor::clone(Stream& stream) const {
  Tensor copy(stream, shape_, dtype_);
  copy.copy_from(stream, *this);
  return copy;
}

void Tensor::fill(Stream& stream, float value) {
  check(dtype_ == DType::f32, "fill", std::string("tensor is ") + dtype_name(dtype_) + ", not f32");
  dispatch<kernels::Fill>(stream, *this, value);
}

void Tensor::copy_from(Stream& stream, const Tensor& from) {
  check(from.shape_ == shape_ && from.dtype_ == dtype_, "copy",
        std::string(dtype_name(from.dtype_)) + from.shape_.text() + " into " + dtype_name(dtype_) + shape_.text());
  dispatch<kernels::Copy>(stream, from, *this);
}

void Tensor::upload(Stream& stream, std::span<const std::byte> bytes) {
  check(bytes.size() <= this->bytes(), "upload",
        std::to_string(bytes.size()) + " bytes into " + dtype_name(dtype_) + " " + shape_.text());
  stream.backend().copy_from_host(raw(), bytes.data(), bytes.size(), stream);
}

std::vector<float> Tensor::to_host(Stream& stream) const {
  Tensor floats = *this;
  if (dtype_ != DType::f32) {
    floats = Tensor(stream, shape_, DType::f32);
    dispatch<kernels::ToFloat>(stream, *this, floats);
  }
  std::vector<float> host(static_cast<std::size_t>(numel()));
  stream.backend().copy_to_host(host.data(), floats.raw(), host.size() * sizeof(float), stream);
  stream.synchronize();
  return host;
}

}  // namespace bnas
