// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/shape.hpp"

#include "bnas/core/error.hpp"
#include "bnas/portable/bits.hpp"

namespace bnas {

const char* dtype_name(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::i32:
      return "i32";
    case DType::i16:
      return "i16";
    case DType::i8:
      return "i8";
    case DType::u8:
      return "u8";
    case DType::bit:
      return "bit";
  }
  return "?";
}

std::size_t dtype_size(DType dtype) {
  switch (dtype) {
    case DType::f32:
    case DType::i32:
      return 4;
    case DType::i16:
      return 2;
    case DType::i8:
    case DType::u8:
      return 1;
    case DType::bit:
      return 0;
  }
  return 0;
}

Shape::Shape(std::initializer_list<std::int64_t> dims) {
  check(dims.size() <= kMaxRank, "shape", "more than " + std::to_string(kMaxRank) + " axes");
  for (const std::int64_t extent : dims) {
    check(extent >= 0, "shape", "negative extent");
    dims_[static_cast<std::size_t>(rank_++)] = extent;
  }
}

std::int64_t Shape::numel() const { return rows() * channels(); }

std::int64_t Shape::rows() const {
  std::int64_t product = 1;
  for (int i = 0; i + 1 < rank_; ++i) {
    product *= (*this)[i];
  }
  return product;
}

Shape Shape::with_channels(std::int64_t channels) const {
  check(rank_ > 0 && channels >= 0, "shape", "no axis for the channels, or a negative number of them");
  Shape shape = *this;
  shape.dims_[static_cast<std::size_t>(rank_ - 1)] = channels;
  return shape;
}

std::string Shape::text() const {
  std::string out = "(";
  for (int i = 0; i < rank_; ++i) {
    out += (i == 0 ? "" : ", ") + std::to_string((*this)[i]);
  }
  return out + ")";
}

std::size_t storage_bytes(const Shape& shape, DType dtype) {
  if (dtype == DType::bit) {
    return static_cast<std::size_t>(shape.rows() * words_for(shape.channels())) * sizeof(Word);
  }
  return static_cast<std::size_t>(shape.numel()) * dtype_size(dtype);
}

}  // namespace bnas
