// SPDX-License-Identifier: Apache-2.0
// The safetensors format: 8 bytes header length, a JSON header, then the tensors' bytes without holes. Nothing in it
// can name code or other files. This reader trusts no number in a file; tensors are plain host bytes here
// (tensor_io.hpp turns them into Tensors).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bnas/core/io/file.hpp"

namespace bnas {

/// Element types of the format, by their names there.
enum class StoredType : std::uint8_t { f64, f32, f16, bf16, i64, i32, i16, i8, u8, boolean };
const char* stored_type_name(StoredType type);  ///< "F32"
std::size_t stored_type_size(StoredType type);

/// One tensor of a file: dense, row-major, little end first.
struct StoredTensor {
  StoredType type = StoredType::u8;
  std::vector<std::int64_t> shape;
  Bytes bytes;

  friend bool operator==(const StoredTensor&, const StoredTensor&) = default;
};

/// All of a file.
struct TensorFile {
  std::map<std::string, StoredTensor> tensors;
  std::map<std::string, std::string> metadata;

  friend bool operator==(const TensorFile&, const TensorFile&) = default;
};

/// What a reader accepts and a writer writes. Names are 1 to 512 bytes of UTF-8 without control characters.
struct TensorFileLimits {
  std::uint64_t file_bytes = std::uint64_t{1} << 32U;
  std::uint64_t header_bytes = std::uint64_t{16} << 20U;
  std::size_t tensors = 65'536;
  std::size_t rank = 8;
  std::size_t name_bytes = 512;
  bool allow_nonfinite = false;  ///< NaN and infinities in floating-point tensors
};

/// The file's bytes: equal content gives equal bytes. Wider elements come first and the header is padded, so that every
/// tensor is aligned to its element. Content beyond the limits is a `usage` Error, NaN and infinities are `bad_data`.
Bytes serialize_tensors(const TensorFile& file, const TensorFileLimits& limits = {});

/// The content of `bytes`; a `bad_data` Error names `source`, the tensor, what was expected and what was found.
TensorFile parse_tensors(std::span<const std::uint8_t> bytes, std::string_view source,
                         const TensorFileLimits& limits = {});

/// Reads a file; allocates no more than its header and its tensors as they stand in it.
TensorFile read_tensors(const std::filesystem::path& path, const TensorFileLimits& limits = {});

/// Writes a file atomically.
void write_tensors(const std::filesystem::path& path, const TensorFile& file, const TensorFileLimits& limits = {},
                   FileOps& ops = system_file_ops());

}  // namespace bnas
