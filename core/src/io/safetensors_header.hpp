// SPDX-License-Identifier: Apache-2.0
// The JSON header of a safetensors file, read strictly.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "bnas/core/io/safetensors.hpp"

namespace bnas {

/// Throws the `bad_data` Error "bad safetensors file SOURCE: MESSAGE".
[[noreturn]] void throw_bad_tensors(std::string_view source, const std::string& message);

/// Where a tensor stands in the data part. Checked: begin <= end <= data bytes, end - begin = elements * element size.
struct TensorEntry {
  std::string name;
  StoredType type = StoredType::u8;
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct TensorHeader {
  std::vector<TensorEntry> entries;  ///< by offset; together they cover the data part without hole or overlap
  std::map<std::string, std::string> metadata;
};

/// Parses the JSON text of a file whose data part has `data_bytes` bytes.
TensorHeader parse_tensor_header(std::string_view json, std::uint64_t data_bytes, std::string_view source,
                                 const TensorFileLimits& limits);

/// What is wrong with a tensor or metadata name, or "".
std::string name_problem(std::string_view name, const TensorFileLimits& limits);

/// The bytes of a dense tensor, or false where the product leaves 63 bits.
bool checked_bytes(const std::vector<std::int64_t>& shape, StoredType type, std::uint64_t& bytes);

}  // namespace bnas
