// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/io/tensor_io.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bnas/core/backend.hpp"
#include "bnas/core/error.hpp"

namespace bnas {
namespace {

StoredType stored_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return StoredType::f32;
    case DType::i32:
      return StoredType::i32;
    case DType::i16:
      return StoredType::i16;
    case DType::i8:
      return StoredType::i8;
    case DType::u8:
    case DType::bit:
      return StoredType::u8;
  }
  throw Error(ErrorKind::internal, "[tensor_io] unknown element type");
}

std::int64_t packed_bytes(std::int64_t channels) { return (channels + 7) / 8; }

std::vector<std::int64_t> stored_shape(const Tensor& tensor) {
  std::vector<std::int64_t> shape;
  shape.reserve(static_cast<std::size_t>(tensor.shape().rank()));
  for (int i = 0; i < tensor.shape().rank(); ++i) {
    shape.push_back(tensor.shape()[i]);
  }
  if (tensor.dtype() == DType::bit) {
    if (shape.empty()) {
      shape.push_back(1);
    }
    shape.back() = packed_bytes(tensor.shape().channels());
  }
  return shape;
}

std::string bits_key(const std::string& name) { return "bits:" + name; }

// Copies rows of `width` bytes between layouts whose rows are `from_stride` and `to_stride` bytes apart.
void copy_rows(const Bytes& from, std::size_t from_stride, Bytes& to, std::size_t to_stride, std::size_t rows,
               std::size_t width) {
  for (std::size_t row = 0; row < rows; ++row) {
    std::copy_n(from.data() + row * from_stride, width, to.data() + row * to_stride);
  }
}

// Sizes in bytes of one row of bits, in memory and in a file.
struct BitRows {
  explicit BitRows(const Shape& shape)
      : rows(static_cast<std::size_t>(shape.rows())),
        in_memory(static_cast<std::size_t>(words_for(shape.channels())) * sizeof(Word)),
        in_file(static_cast<std::size_t>(packed_bytes(shape.channels()))) {}
  std::size_t rows;
  std::size_t in_memory;
  std::size_t in_file;
};

[[noreturn]] void throw_mismatch(const std::string& source, const std::string& name, const std::string& expected,
                                 const std::string& found) {
  throw Error(ErrorKind::bad_data,
              fmt::format("{}: tensor '{}': expected {}, found {}", source, name, expected, found));
}

// Padding bits must be 0: kernels rely on it.
void check_padding(const Bytes& bytes, const Shape& shape, const std::string& name, const std::string& source) {
  const auto used = static_cast<unsigned>(shape.channels() % 8);
  const BitRows layout(shape);
  if (used == 0 || layout.in_file == 0) {
    return;
  }
  for (std::size_t row = 0; row < layout.rows; ++row) {
    if (bytes[(row + 1) * layout.in_file - 1] >> used != 0) {
      throw_mismatch(source, name, "padding bits of 0", fmt::format("others in row {}", row));
    }
  }
}

}  // namespace

void put_tensor(TensorFile& file, const std::string& name, const Tensor& tensor, Stream& stream) {
  check(tensor.defined(), "put_tensor", "tensor '" + name + "' is undefined");
  Bytes bytes(tensor.bytes());
  stream.backend().copy_to_host(bytes.data(), tensor.raw(), bytes.size(), stream);
  stream.synchronize();
  if (tensor.dtype() == DType::bit) {
    const BitRows layout(tensor.shape());
    Bytes packed(layout.rows * layout.in_file);
    copy_rows(bytes, layout.in_memory, packed, layout.in_file, layout.rows, layout.in_file);
    bytes = std::move(packed);
    file.metadata[bits_key(name)] = tensor.shape().text();
  }
  const bool inserted =
      file.tensors.emplace(name, StoredTensor{stored_type(tensor.dtype()), stored_shape(tensor), std::move(bytes)})
          .second;
  check(inserted, "put_tensor", "two tensors are named '" + name + "'");
}

void get_tensor(const TensorFile& file, const std::string& name, Tensor& tensor, Stream& stream,
                const std::string& source) {
  const auto it = file.tensors.find(name);
  if (it == file.tensors.end()) {
    throw_mismatch(source, name, "this tensor", "none of this name");
  }
  const StoredTensor& stored = it->second;
  const StoredTensor wanted{stored_type(tensor.dtype()), stored_shape(tensor), {}};
  if (stored.type != wanted.type || stored.shape != wanted.shape) {
    const auto text = [](const StoredTensor& t) {
      return fmt::format("{} ({})", stored_type_name(t.type), fmt::join(t.shape, ", "));
    };
    throw_mismatch(source, name, text(wanted), text(stored));
  }
  Bytes widened;
  if (tensor.dtype() == DType::bit) {
    const auto shape = file.metadata.find(bits_key(name));
    if (shape == file.metadata.end() || shape->second != tensor.shape().text()) {
      throw_mismatch(source, name, "bits of shape " + tensor.shape().text(),
                     shape == file.metadata.end() ? "bytes" : "another shape of bits");
    }
    check_padding(stored.bytes, tensor.shape(), name, source);
    const BitRows layout(tensor.shape());
    widened.resize(tensor.bytes());
    copy_rows(stored.bytes, layout.in_file, widened, layout.in_memory, layout.rows, layout.in_file);
  }
  const Bytes& bytes = tensor.dtype() == DType::bit ? widened : stored.bytes;
  check(bytes.size() == tensor.bytes(), "get_tensor", "sizes of '" + name + "' disagree");
  stream.backend().copy_from_host(tensor.raw(), bytes.data(), bytes.size(), stream);
}

}  // namespace bnas
