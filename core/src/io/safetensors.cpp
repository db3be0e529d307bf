// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/io/safetensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>

#include "bnas/core/error.hpp"
#include "io/safetensors_header.hpp"

namespace bnas {
namespace {

static_assert(std::endian::native == std::endian::little, "stored bytes are the memory's bytes");

constexpr std::size_t kLengthBytes = 8;

struct TypeInfo {
  const char* name;
  std::size_t size;
  std::uint64_t exponent;  // all ones in an infinity or NaN; 0 for integers
};

constexpr std::array<TypeInfo, 10> kTypes = {{{"F64", 8, 0x7FF0'0000'0000'0000},
                                              {"F32", 4, 0x7F80'0000},
                                              {"F16", 2, 0x7C00},
                                              {"BF16", 2, 0x7F80},
                                              {"I64", 8, 0},
                                              {"I32", 4, 0},
                                              {"I16", 2, 0},
                                              {"I8", 1, 0},
                                              {"U8", 1, 0},
                                              {"BOOL", 1, 0}}};

const TypeInfo& info(StoredType type) { return kTypes[static_cast<std::size_t>(type)]; }

template <class Bits>
std::size_t first_nonfinite(const Bytes& bytes, Bits exponent) {
  const std::size_t count = bytes.size() / sizeof(Bits);
  for (std::size_t i = 0; i < count; ++i) {
    Bits value;
    std::memcpy(&value, bytes.data() + i * sizeof(Bits), sizeof(Bits));
    if ((value & exponent) == exponent) {
      return i;
    }
  }
  return count;
}

void require_finite(const StoredTensor& tensor, const std::string& name, std::string_view source) {
  const TypeInfo& type = info(tensor.type);
  if (type.exponent == 0) {
    return;
  }
  std::size_t i = 0;
  switch (type.size) {
    case 8:
      i = first_nonfinite<std::uint64_t>(tensor.bytes, type.exponent);
      break;
    case 4:
      i = first_nonfinite<std::uint32_t>(tensor.bytes, static_cast<std::uint32_t>(type.exponent));
      break;
    default:
      i = first_nonfinite<std::uint16_t>(tensor.bytes, static_cast<std::uint16_t>(type.exponent));
  }
  if (i != tensor.bytes.size() / type.size) {
    throw_bad_tensors(source,
                      fmt::format("tensor '{}': element {} is NaN or infinite, expected finite numbers", name, i));
  }
}

std::string json_string(const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    throw Error(ErrorKind::usage, "cannot write a safetensors file: a name or metadata value is not UTF-8");
  }
}

void require_writable(const std::string& name, const std::string& problem) {
  if (!problem.empty()) {
    throw Error(ErrorKind::usage, fmt::format("cannot write '{}' into a safetensors file: the name {}", name, problem));
  }
}

using NamedTensor = std::pair<const std::string, StoredTensor>;

// Checks the tensors and orders them: wider elements first, then by name.
std::vector<const NamedTensor*> in_file_order(const TensorFile& file, const TensorFileLimits& limits) {
  std::vector<const NamedTensor*> order;
  for (const NamedTensor& item : file.tensors) {
    const auto& [name, tensor] = item;
    require_writable(name, name_problem(name, limits));
    require_writable(name, name == "__metadata__" ? "is reserved" : "");
    std::uint64_t bytes = 0;
    if (tensor.shape.size() > limits.rank || !checked_bytes(tensor.shape, tensor.type, bytes) ||
        bytes != tensor.bytes.size()) {
      throw Error(ErrorKind::usage,
                  fmt::format("cannot write tensor '{}': {} bytes do not fit {} ({}), or its rank exceeds {}", name,
                              tensor.bytes.size(), info(tensor.type).name, fmt::join(tensor.shape, ", "), limits.rank));
    }
    if (!limits.allow_nonfinite) {
      require_finite(tensor, name, "to be written");
    }
    order.push_back(&item);
  }
  std::stable_sort(order.begin(), order.end(), [](const NamedTensor* a, const NamedTensor* b) {
    return info(a->second.type).size > info(b->second.type).size;
  });
  return order;
}

std::string header_text(const TensorFile& file, const std::vector<const NamedTensor*>& order,
                        const TensorFileLimits& limits) {
  std::string text = "{";
  const auto comma = [&] { text += text.back() == '{' ? "" : ","; };
  if (!file.metadata.empty()) {
    text += "\"__metadata__\":{";
    for (const auto& [key, value] : file.metadata) {
      require_writable(key, name_problem(key, limits));
      comma();
      text += json_string(key) + ":" + json_string(value);
    }
    text += "}";
  }
  std::uint64_t begin = 0;
  for (const NamedTensor* item : order) {
    const auto& [name, tensor] = *item;
    comma();
    text += fmt::format(R"({}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", json_string(name),
                        info(tensor.type).name, fmt::join(tensor.shape, ","), begin, begin + tensor.bytes.size());
    begin += tensor.bytes.size();
  }
  text += "}";
  text.append((8 - text.size() % 8) % 8, ' ');
  if (order.size() > limits.tensors || text.size() > limits.header_bytes) {
    throw Error(ErrorKind::usage,
                fmt::format("cannot write a safetensors file of {} tensors and {} header bytes: at most "
                            "{} and {} can be read again",
                            order.size(), text.size(), limits.tensors, limits.header_bytes));
  }
  return text;
}

// Reads from a file or from memory through `read(dst)`, which fills dst or returns less at the end.
template <class Read>
TensorFile parse(std::uint64_t size, std::string_view source, const TensorFileLimits& limits, Read read) {
  if (size > limits.file_bytes) {
    throw_bad_tensors(source, fmt::format("expected at most {} bytes, found {}", limits.file_bytes, size));
  }
  const auto read_all = [&](std::span<std::uint8_t> dst) {
    if (read(dst) != dst.size()) {
      throw_bad_tensors(source, fmt::format("expected {} bytes, found fewer", size));
    }
  };
  if (size < kLengthBytes) {
    throw_bad_tensors(source, fmt::format("expected at least {} bytes, found {}", kLengthBytes, size));
  }
  std::array<std::uint8_t, kLengthBytes> length_bytes;
  read_all(length_bytes);
  const auto header_bytes = std::bit_cast<std::uint64_t>(length_bytes);
  if (header_bytes > limits.header_bytes || header_bytes > size - kLengthBytes) {
    throw_bad_tensors(source, fmt::format("expected a header of at most {} bytes, found {}",
                                          std::min(limits.header_bytes, size - kLengthBytes), header_bytes));
  }
  Bytes text(static_cast<std::size_t>(header_bytes));
  read_all(text);
  TensorHeader header = parse_tensor_header({reinterpret_cast<const char*>(text.data()), text.size()},
                                            size - kLengthBytes - header_bytes, source, limits);
  TensorFile file;
  file.metadata = std::move(header.metadata);
  for (TensorEntry& entry : header.entries) {
    StoredTensor tensor{entry.type, std::move(entry.shape), Bytes(static_cast<std::size_t>(entry.end - entry.begin))};
    read_all(tensor.bytes);
    if (!limits.allow_nonfinite) {
      require_finite(tensor, entry.name, source);
    }
    file.tensors.emplace(std::move(entry.name), std::move(tensor));
  }
  return file;
}

}  // namespace

const char* stored_type_name(StoredType type) { return info(type).name; }
std::size_t stored_type_size(StoredType type) { return info(type).size; }

Bytes serialize_tensors(const TensorFile& file, const TensorFileLimits& limits) {
  const std::vector<const NamedTensor*> order = in_file_order(file, limits);
  const std::string header = header_text(file, order, limits);
  std::size_t size = kLengthBytes + header.size();
  for (const NamedTensor* item : order) {
    size += item->second.bytes.size();
  }
  Bytes out(size);
  auto at = out.begin();
  const auto length = std::bit_cast<std::array<std::uint8_t, kLengthBytes>>(std::uint64_t{header.size()});
  at = std::copy(length.begin(), length.end(), at);
  at = std::copy(header.begin(), header.end(), at);
  for (const NamedTensor* item : order) {
    at = std::copy(item->second.bytes.begin(), item->second.bytes.end(), at);
  }
  return out;
}

TensorFile parse_tensors(std::span<const std::uint8_t> bytes, std::string_view source, const TensorFileLimits& limits) {
  return parse(bytes.size(), source, limits, [rest = bytes](std::span<std::uint8_t> dst) mutable {
    const std::size_t take = std::min(dst.size(), rest.size());
    std::copy_n(rest.begin(), take, dst.begin());
    rest = rest.subspan(take);
    return take;
  });
}

TensorFile read_tensors(const std::filesystem::path& path, const TensorFileLimits& limits) {
  InputFile file(path);
  return parse(file.size(), path.string(), limits, [&](std::span<std::uint8_t> dst) { return file.read(dst); });
}

void write_tensors(const std::filesystem::path& path, const TensorFile& file, const TensorFileLimits& limits,
                   FileOps& ops) {
  write_file_atomic(path, serialize_tensors(file, limits), ops);
}

}  // namespace bnas
