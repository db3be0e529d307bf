// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "bnas/core/shape.hpp"
#include "bnas/core/stream.hpp"
#include "bnas/portable/bits.hpp"

namespace bnas {

/// A dense array: shape, element type and shared storage. Copying a Tensor shares the storage (a handle, not the data).
/// Layout is row-major with channels innermost; `bit` rows start on a word and their padding bits are 0.
class Tensor {
 public:
  Tensor() = default;
  /// Uninitialized, in the stream's memory.
  Tensor(Stream& stream, const Shape& shape, DType dtype);

  static Tensor zeros(Stream& stream, const Shape& shape, DType dtype);
  static Tensor full(Stream& stream, const Shape& shape, float value);  ///< f32
  static Tensor from_host(Stream& stream, const Shape& shape, std::span<const float> values);
  static Tensor from_host(Stream& stream, const Shape& shape, std::span<const std::int32_t> values);
  static Tensor from_host(Stream& stream, const Shape& shape, std::span<const std::uint8_t> values);

  bool defined() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  std::size_t bytes() const { return storage_bytes(shape_, dtype_); }
  std::int64_t numel() const { return shape_.numel(); }
  void* raw() const { return storage_ ? storage_->data() : nullptr; }

  /// Typed device pointer; T must be the element type (`Word` for bits), else an internal Error.
  template <class T>
  T* data() const;

  /// Whether the storage can be seen with another shape: of as many elements, and for bits with the same padding, hence
  /// of as many channels or of whole words.
  bool can_reshape(const Shape& shape) const;
  /// The same storage seen with another shape; an internal Error unless can_reshape.
  Tensor reshaped(const Shape& shape) const;
  /// A copy with storage of its own.
  Tensor clone(Stream& stream) const;
  void fill(Stream& stream, float value);  ///< f32
  /// Overwrites with the values of `from`; shapes and types must agree.
  void copy_from(Stream& stream, const Tensor& from);

  /// Overwrites the first bytes of the storage with `bytes`, in their layout on the device; at most bytes() of them.
  void upload(Stream& stream, std::span<const std::byte> bytes);

  /// Values on the host as floats, whatever the type; bits become -1 and +1. Waits for the stream.
  std::vector<float> to_host(Stream& stream) const;

 private:
  Shape shape_;
  DType dtype_ = DType::f32;
  std::shared_ptr<Storage> storage_;
};

}  // namespace bnas
