// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace bnas {

/// Element types. `bit` packs the innermost axis 32 to a word (bnas/portable/bits.hpp); its values are -1 and +1.
enum class DType : std::uint8_t { f32, i32, i16, i8, u8, bit };

const char* dtype_name(DType dtype);

/// Bytes of one element; 0 for `bit`, whose storage is counted in rows of words.
std::size_t dtype_size(DType dtype);

/// Up to six extents, outermost first; NHWC for images, OHWI for weights. Rank 0 is a scalar.
class Shape {
 public:
  static constexpr int kMaxRank = 6;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims);

  int rank() const { return rank_; }
  /// Extent of axis `i`; negative counts from the innermost, as -1 for channels.
  std::int64_t operator[](int i) const { return dims_[static_cast<std::size_t>(i < 0 ? i + rank_ : i)]; }
  std::int64_t numel() const;
  /// Product of all extents but the innermost: the number of pixels of an image tensor. 1 for a scalar.
  std::int64_t rows() const;
  /// Innermost extent; 1 for a scalar.
  std::int64_t channels() const { return rank_ == 0 ? 1 : (*this)[-1]; }
  /// The same shape with another innermost extent; the rank is at least 1.
  Shape with_channels(std::int64_t channels) const;
  /// "(128, 14, 14, 32)".
  std::string text() const;

  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::array<std::int64_t, kMaxRank> dims_{};
  int rank_ = 0;
};

/// Bytes that a dense tensor of this shape and type occupies.
std::size_t storage_bytes(const Shape& shape, DType dtype);

}  // namespace bnas
