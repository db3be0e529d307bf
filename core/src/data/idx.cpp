// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/data/idx.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "bnas/core/error.hpp"
#include "bnas/core/io/byte_source.hpp"

namespace bnas {
namespace {

constexpr std::uint32_t kImageMagic = 2051;  // unsigned bytes, three extents
constexpr std::uint32_t kLabelMagic = 2049;  // unsigned bytes, one extent

// One IDX file, read front to back.
class IdxReader {
 public:
  IdxReader(const std::filesystem::path& path, const IdxLimits& limits)
      : path_(path), limits_(limits), source_(open_byte_source(path)) {}

  void read_magic(std::uint32_t expected) {
    const std::uint32_t found = read_u32();
    if (found != expected) {
      const char* hint = found == kLabelMagic   ? " (this is a file of labels)"
                         : found == kImageMagic ? " (this is a file of images)"
                                                : "";
      bad(0, fmt::format("magic number {}", expected), fmt::format("{}{}", found, hint));
    }
  }

  std::int64_t read_extent(std::int64_t limit) {
    const std::int64_t at = offset_;
    const std::int64_t extent = read_u32();
    if (extent < 1 || extent > limit) {
      bad(at, fmt::format("an extent of 1 to {}", limit), std::to_string(extent));
    }
    return extent;
  }

  // The rest of the file, which must be exactly `count` items of `item_bytes` (both limited: no overflow).
  std::vector<std::uint8_t> read_rest(std::int64_t count, std::int64_t item_bytes) {
    if (count > limits_.content_bytes / item_bytes) {
      bad(4, fmt::format("at most {} bytes", limits_.content_bytes), fmt::format("{} times {}", count, item_bytes));
    }
    const auto bytes = static_cast<std::uint64_t>(count * item_bytes);
    const std::uint64_t whole = static_cast<std::uint64_t>(offset_) + bytes;
    const std::uint64_t bound = source_->size_bound();
    if (source_->compressed() ? bound < whole : bound != whole) {
      bad(offset_, fmt::format("{} bytes in all, as the header says", whole),
          fmt::format("{}{}", source_->compressed() ? "a compressed file that cannot hold more than " : "", bound));
    }
    // Memory grows with what was really there: a small compressed file may claim very much.
    constexpr std::size_t kStep = std::size_t{16} << 20U;
    std::vector<std::uint8_t> content;
    while (content.size() < bytes) {
      const std::size_t done = content.size();
      content.resize(std::min<std::size_t>(bytes, done + kStep));
      read(std::span(content).subspan(done));
    }
    std::array<std::uint8_t, 1> beyond;
    if (source_->read(beyond) != 0) {
      bad(offset_, "the end of the file", "more bytes");
    }
    return content;
  }

  [[noreturn]] void bad(std::int64_t offset, const std::string& expected, const std::string& found) const {
    throw Error(ErrorKind::bad_data, fmt::format("bad IDX file {}: at byte {} expected {}, found {}", path_.string(),
                                                 offset, expected, found));
  }

  std::int64_t offset() const { return offset_; }

 private:
  void read(std::span<std::uint8_t> dst) {
    const std::size_t got = source_->read(dst);
    if (got != dst.size()) {
      bad(offset_, fmt::format("{} bytes", dst.size()), fmt::format("only {}", got));
    }
    offset_ += static_cast<std::int64_t>(got);
  }

  std::uint32_t read_u32() {
    std::array<std::uint8_t, 4> b;
    read(b);
    return std::uint32_t{b[0]} << 24U | std::uint32_t{b[1]} << 16U | std::uint32_t{b[2]} << 8U | std::uint32_t{b[3]};
  }

  std::filesystem::path path_;
  const IdxLimits& limits_;
  std::unique_ptr<ByteSource> source_;
  std::int64_t offset_ = 0;  // within the content
};

std::vector<std::int32_t> read_labels(const std::filesystem::path& path, int classes, const IdxLimits& limits) {
  IdxReader reader(path, limits);
  reader.read_magic(kLabelMagic);
  const std::int64_t count = reader.read_extent(limits.content_bytes);
  const std::int64_t begin = reader.offset();
  const std::vector<std::uint8_t> bytes = reader.read_rest(count, 1);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] >= classes) {
      reader.bad(begin + static_cast<std::int64_t>(i), fmt::format("a label below {}", classes),
                 std::to_string(bytes[i]));
    }
  }
  return {bytes.begin(), bytes.end()};
}

}  // namespace

Dataset read_idx(const std::filesystem::path& images, const std::filesystem::path& labels, int classes,
                 const IdxLimits& limits) {
  if (classes < 2 || classes > 256) {
    throw Error(ErrorKind::usage, fmt::format("{} classes: expected 2 to 256", classes));
  }
  Dataset data;
  data.name = "idx";
  data.classes = classes;
  // The small file first: most mistakes show without reading the large one.
  data.labels = read_labels(labels, classes, limits);
  IdxReader reader(images, limits);
  reader.read_magic(kImageMagic);
  data.count = reader.read_extent(limits.content_bytes);
  data.height = reader.read_extent(limits.side);
  data.width = reader.read_extent(limits.side);
  if (data.count != static_cast<std::int64_t>(data.labels.size())) {
    reader.bad(4, fmt::format("{} images, one for each label of {}", data.labels.size(), labels.string()),
               std::to_string(data.count));
  }
  data.pixels = reader.read_rest(data.count, data.image_bytes());
  return data;
}

}  // namespace bnas
