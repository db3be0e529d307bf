// SPDX-License-Identifier: Apache-2.0
#include "io/safetensors_header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>
#include <utility>

#include "bnas/core/error.hpp"

namespace bnas {
namespace {

constexpr std::uint64_t kMaxInt = std::numeric_limits<std::int64_t>::max();

std::optional<StoredType> stored_type_of(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(StoredType::boolean); ++i) {
    if (name == stored_type_name(static_cast<StoredType>(i))) {
      return static_cast<StoredType>(i);
    }
  }
  return std::nullopt;
}

// Names come from the file: shortened and made safe for terminals.
std::string shown(std::string_view name) {
  std::string text = "'";
  for (const char c : name.substr(0, 80)) {
    const auto byte = static_cast<unsigned char>(c);
    text += byte < 0x20 || byte >= 0x7F ? '?' : c;
  }
  return text + (name.size() > 80 ? "...'" : "'");
}

// Grammar of the header; everything else is refused as it appears, so nesting never exceeds three levels:
//   { "__metadata__": { key: string, ... }, name: { "dtype": string, "shape": [n, ...], "data_offsets": [b, e] }, ... }
class HeaderReader {
 public:
  using Json = nlohmann::json;
  // NOLINTBEGIN(readability-identifier-naming): names that the library asks for
  using number_integer_t = Json::number_integer_t;
  using number_unsigned_t = Json::number_unsigned_t;
  using number_float_t = Json::number_float_t;
  using string_t = Json::string_t;
  using binary_t = Json::binary_t;
  // NOLINTEND(readability-identifier-naming)

  HeaderReader(std::string_view source, const TensorFileLimits& limits) : source_(source), limits_(limits) {}

  TensorHeader take() { return std::move(header_); }

  bool start_object(std::size_t) {
    switch (state_) {
      case State::start:
        state_ = State::top;
        return true;
      case State::entry:
        state_ = in_metadata_ ? State::metadata : State::tensor;
        return true;
      default:
        unexpected("an object");
    }
  }

  bool key(string_t& name) {
    switch (state_) {
      case State::top:
        start_entry(name);
        break;
      case State::metadata:
        require_name(name);
        key_ = name;
        state_ = State::metadata_value;
        break;
      default:
        start_field(name);
    }
    return true;
  }

  bool end_object() {
    if (state_ == State::tensor) {
      if (!has_type_ || !has_shape_ || !has_offsets_) {
        bad("expected the fields dtype, shape and data_offsets, found fewer");
      }
      header_.entries.push_back(std::move(entry_));
    }
    state_ = state_ == State::top ? State::end : State::top;
    return true;
  }

  bool string(string_t& value) {
    if (state_ == State::metadata_value) {
      if (!header_.metadata.emplace(key_, value).second) {
        bad(fmt::format("metadata key {} occurs twice", shown(key_)));
      }
      state_ = State::metadata;
    } else if (state_ == State::type) {
      const auto type = stored_type_of(value);
      if (!type) {
        bad("unknown dtype " + shown(value));
      }
      entry_.type = *type;
      state_ = State::tensor;
    } else {
      unexpected("a string");
    }
    return true;
  }

  bool start_array(std::size_t) {
    if (state_ == State::shape) {
      state_ = State::shape_values;
    } else if (state_ == State::offsets) {
      state_ = State::offset_values;
    } else {
      unexpected("an array");
    }
    return true;
  }

  bool number_unsigned(number_unsigned_t value) {
    if (value > kMaxInt) {
      bad(fmt::format("{} is beyond 63 bits", value));
    }
    if (state_ == State::shape_values) {
      if (entry_.shape.size() == limits_.rank) {
        bad(fmt::format("expected at most {} dimensions, found more", limits_.rank));
      }
      entry_.shape.push_back(static_cast<std::int64_t>(value));
    } else if (state_ == State::offset_values && offsets_ < 2) {
      (offsets_++ == 0 ? entry_.begin : entry_.end) = value;
    } else {
      unexpected("a number");
    }
    return true;
  }

  bool end_array() {
    if (state_ == State::offset_values && offsets_ != 2) {
      bad("expected two data_offsets, found fewer");
    }
    state_ = State::tensor;
    return true;
  }

  bool null() { unexpected("null"); }
  bool boolean(bool) { unexpected("a boolean"); }
  bool number_integer(number_integer_t value) { unexpected(fmt::format("the negative number {}", value)); }
  bool number_float(number_float_t, const string_t& text) { unexpected("the number " + shown(text)); }
  bool binary(binary_t&) { unexpected("binary data"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) {
    bad(fmt::format("the header is not valid JSON at its byte {}", position));
  }

 private:
  enum class State : std::uint8_t {
    start,
    top,             // between entries
    entry,           // behind the name of a tensor or __metadata__
    metadata,        // between metadata keys
    metadata_value,  // behind one
    tensor,          // between fields of a tensor
    type,            // behind "dtype", "shape", "data_offsets"
    shape,
    offsets,
    shape_values,  // within their arrays
    offset_values,
    end
  };

  void start_entry(const std::string& name) {
    in_metadata_ = name == "__metadata__";
    state_ = State::entry;
    if (in_metadata_) {
      if (std::exchange(has_metadata_, true)) {
        bad("__metadata__ occurs twice");
      }
      return;
    }
    require_name(name);
    if (header_.entries.size() == limits_.tensors) {
      bad(fmt::format("expected at most {} tensors, found more", limits_.tensors));
    }
    entry_ = TensorEntry{};
    entry_.name = name;
    has_type_ = has_shape_ = has_offsets_ = false;
    offsets_ = 0;
  }

  void start_field(const std::string& name) {
    const auto start = [&](bool& seen, State next) {
      if (std::exchange(seen, true)) {
        bad("field " + shown(name) + " occurs twice");
      }
      state_ = next;
    };
    if (name == "dtype") {
      start(has_type_, State::type);
    } else if (name == "shape") {
      start(has_shape_, State::shape);
    } else if (name == "data_offsets") {
      start(has_offsets_, State::offsets);
    } else {
      bad("expected the fields dtype, shape and data_offsets, found " + shown(name));
    }
  }

  void require_name(const std::string& name) const {
    const std::string problem = name_problem(name, limits_);
    if (!problem.empty()) {
      throw_bad_tensors(source_, fmt::format("name {} {}", shown(name), problem));
    }
  }

  [[noreturn]] void unexpected(const std::string& found) const { bad("the header has " + found + " out of place"); }

  [[noreturn]] void bad(const std::string& message) const {
    const bool of_tensor = !in_metadata_ && !entry_.name.empty() && state_ >= State::entry && state_ != State::end;
    throw_bad_tensors(source_, of_tensor ? fmt::format("tensor {}: {}", shown(entry_.name), message) : message);
  }

  std::string_view source_;
  const TensorFileLimits& limits_;
  TensorHeader header_;
  State state_ = State::start;
  TensorEntry entry_;  // the tensor being read
  std::string key_;    // the metadata key being read
  int offsets_ = 0;
  bool in_metadata_ = false;
  bool has_metadata_ = false;
  bool has_type_ = false;
  bool has_shape_ = false;
  bool has_offsets_ = false;
};

void check_entry(const TensorEntry& entry, std::uint64_t data_bytes, std::string_view source) {
  std::uint64_t bytes = 0;
  if (!checked_bytes(entry.shape, entry.type, bytes)) {
    throw_bad_tensors(source, fmt::format("tensor {}: the product of its shape is beyond 63 bits", shown(entry.name)));
  }
  if (entry.begin > entry.end || entry.end > data_bytes || entry.end - entry.begin != bytes) {
    throw_bad_tensors(source,
                      fmt::format("tensor {}: expected {} bytes by dtype and shape within {} bytes of data, found "
                                  "offsets {} to {}",
                                  shown(entry.name), bytes, data_bytes, entry.begin, entry.end));
  }
}

// Sorted by offset, each entry must begin where the one before ends and the last one end with the file.
void check_cover(const std::vector<TensorEntry>& entries, std::uint64_t data_bytes, std::string_view source) {
  std::uint64_t covered = 0;
  for (const TensorEntry& entry : entries) {
    if (entry.begin != covered) {
      throw_bad_tensors(
          source, fmt::format("tensor {}: expected to begin at offset {}, found {} ({})", shown(entry.name), covered,
                              entry.begin, entry.begin < covered ? "overlap" : "hole"));
    }
    covered = entry.end;
  }
  if (covered != data_bytes) {
    throw_bad_tensors(source, fmt::format("expected {} bytes of data by the header, found {}", covered, data_bytes));
  }
}

void check_unique(const std::vector<TensorEntry>& entries, std::string_view source) {
  std::vector<std::string_view> names;
  names.reserve(entries.size());
  for (const TensorEntry& entry : entries) {
    names.push_back(entry.name);
  }
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    throw_bad_tensors(source, fmt::format("tensor {} occurs twice", shown(*twice)));
  }
}

}  // namespace

void throw_bad_tensors(std::string_view source, const std::string& message) {
  throw Error(ErrorKind::bad_data, fmt::format("bad safetensors file {}: {}", source, message));
}

std::string name_problem(std::string_view name, const TensorFileLimits& limits) {
  if (name.empty()) {
    return "is empty";
  }
  if (name.size() > limits.name_bytes) {
    return fmt::format("has {} bytes, expected at most {}", name.size(), limits.name_bytes);
  }
  for (std::size_t i = 0; i < name.size(); ++i) {
    const auto byte = static_cast<unsigned char>(name[i]);
    // U+0080 to U+009F are C2 80 to C2 9F.
    const bool c1 = byte == 0xC2 && i + 1 < name.size() && static_cast<unsigned char>(name[i + 1]) < 0xA0;
    if (byte < 0x20 || byte == 0x7F || c1) {
      return "contains a control character";
    }
  }
  return {};
}

bool checked_bytes(const std::vector<std::int64_t>& shape, StoredType type, std::uint64_t& bytes) {
  bytes = stored_type_size(type);
  for (const std::int64_t extent : shape) {
    if (extent < 0 || (extent != 0 && bytes > kMaxInt / static_cast<std::uint64_t>(extent))) {
      return false;
    }
    bytes *= static_cast<std::uint64_t>(extent);
  }
  return true;
}

TensorHeader parse_tensor_header(std::string_view json, std::uint64_t data_bytes, std::string_view source,
                                 const TensorFileLimits& limits) {
  if (json.empty() || json.front() != '{') {
    throw_bad_tensors(source, "expected the header to begin with '{'");
  }
  // The JSON parser takes a NUL for the end of its input: what stands behind it would go unread.
  if (json.find('\0') != std::string_view::npos) {
    throw_bad_tensors(source, fmt::format("the header has a NUL at its byte {}", json.find('\0')));
  }
  HeaderReader reader(source, limits);
  nlohmann::json::sax_parse(json.begin(), json.end(), &reader);
  TensorHeader header = reader.take();
  for (const TensorEntry& entry : header.entries) {
    check_entry(entry, data_bytes, source);
  }
  std::sort(header.entries.begin(), header.entries.end(), [](const TensorEntry& a, const TensorEntry& b) {
    return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
  });
  check_cover(header.entries, data_bytes, source);
  check_unique(header.entries, source);
  return header;
}

}  // namespace bnas
