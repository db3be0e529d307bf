// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/data/cifar.hpp"

#include <fmt/format.h>

#include "bnas/core/error.hpp"
#include "bnas/core/io/byte_source.hpp"

namespace bnas {
namespace {

constexpr std::size_t kSide = 32;
constexpr std::size_t kChannels = 3;
constexpr std::size_t kPlane = kSide * kSide;
constexpr std::size_t kImage = kPlane * kChannels;
constexpr std::size_t kMaxContent = std::size_t{1} << 31U;

/// The number of labels in a record and what each may be.
std::span<const int> label_limits(CifarKind kind) {
  static constexpr int kCifar10[] = {10};
  static constexpr int kCifar100[] = {20, 100};
  return kind == CifarKind::cifar10 ? std::span<const int>(kCifar10) : std::span<const int>(kCifar100);
}

class CifarReader {
 public:
  CifarReader(Dataset& data, CifarKind kind) : data_(data), limits_(label_limits(kind)) {}

  void read(const std::filesystem::path& path) {
    const std::unique_ptr<ByteSource> source = open_byte_source(path);
    std::vector<std::uint8_t> record(limits_.size() + kImage);
    if (!source->compressed() && (source->size_bound() == 0 || source->size_bound() % record.size() != 0)) {
      bad(path, 0, fmt::format("a multiple of {} bytes, one record per image", record.size()),
          fmt::format("{} bytes", source->size_bound()));
    }
    std::uint64_t offset = 0;
    for (std::size_t got = source->read(record); got != 0; got = source->read(record), offset += record.size()) {
      if (got != record.size()) {
        bad(path, offset, fmt::format("a record of {} bytes", record.size()), fmt::format("only {}", got));
      }
      if (data_.pixels.size() > kMaxContent - kImage) {
        bad(path, offset, fmt::format("at most {} bytes of images", kMaxContent), "more");
      }
      take(path, offset, record);
    }
    if (offset == 0) {
      bad(path, 0, "images", "an empty file");
    }
  }

 private:
  void take(const std::filesystem::path& path, std::uint64_t offset, std::span<const std::uint8_t> record) {
    for (std::size_t i = 0; i < limits_.size(); ++i) {
      if (record[i] >= limits_[i]) {
        bad(path, offset + i, fmt::format("a label below {}", limits_[i]), std::to_string(record[i]));
      }
    }
    data_.labels.push_back(record[limits_.size() - 1]);
    const std::span<const std::uint8_t> planes = record.subspan(limits_.size());
    for (std::size_t pixel = 0; pixel < kPlane; ++pixel) {
      for (std::size_t channel = 0; channel < kChannels; ++channel) {
        data_.pixels.push_back(planes[channel * kPlane + pixel]);
      }
    }
    ++data_.count;
  }

  [[noreturn]] static void bad(const std::filesystem::path& path, std::uint64_t offset, const std::string& expected,
                               const std::string& found) {
    throw Error(ErrorKind::bad_data, fmt::format("bad CIFAR file {}: at byte {} expected {}, found {}", path.string(),
                                                 offset, expected, found));
  }

  Dataset& data_;
  std::span<const int> limits_;
};

}  // namespace

Dataset read_cifar(std::span<const std::filesystem::path> files, CifarKind kind) {
  Dataset data;
  data.name = kind == CifarKind::cifar10 ? "cifar-10" : "cifar-100";
  data.height = data.width = static_cast<std::int64_t>(kSide);
  data.channels = static_cast<std::int64_t>(kChannels);
  data.classes = label_limits(kind).back();
  CifarReader reader(data, kind);
  for (const std::filesystem::path& path : files) {
    reader.read(path);
  }
  return data;
}

}  // namespace bnas
