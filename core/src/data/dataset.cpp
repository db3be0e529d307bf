// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/data/dataset.hpp"

#include <fmt/format.h>

#include <limits>

#include "bnas/core/error.hpp"
#include "bnas/core/io/sha256.hpp"

namespace bnas {

std::span<const std::uint8_t> Dataset::image(std::int64_t i) const {
  return std::span(pixels).subspan(static_cast<std::size_t>(i * image_bytes()),
                                   static_cast<std::size_t>(image_bytes()));
}

Dataset Dataset::select(std::span<const std::int32_t> rows) const {
  Dataset part;
  part.name = name;
  part.count = static_cast<std::int64_t>(rows.size());
  part.height = height;
  part.width = width;
  part.channels = channels;
  part.classes = classes;
  part.pixels.reserve(rows.size() * static_cast<std::size_t>(image_bytes()));
  part.labels.reserve(rows.size());
  for (const std::int32_t row : rows) {
    if (row < 0 || row >= count) {
      throw Error(ErrorKind::internal, fmt::format("[select] row {} of {}", row, count));
    }
    const std::span<const std::uint8_t> from = image(row);
    part.pixels.insert(part.pixels.end(), from.begin(), from.end());
    part.labels.push_back(labels[static_cast<std::size_t>(row)]);
  }
  return part;
}

std::vector<std::int64_t> Dataset::histogram() const {
  std::vector<std::int64_t> images(static_cast<std::size_t>(classes));
  for (const std::int32_t label : labels) {
    ++images[static_cast<std::size_t>(label)];
  }
  return images;
}

std::string Dataset::digest() const {
  Sha256 digest;
  for (const std::int64_t size : {count, height, width, channels, std::int64_t{classes}}) {
    digest.update_number(static_cast<std::uint64_t>(size));
  }
  digest.update(pixels);
  digest.update(std::span(reinterpret_cast<const std::uint8_t*>(labels.data()), labels.size() * sizeof(labels[0])));
  return digest.hex();
}

DeviceImages upload(Stream& stream, const Dataset& data) {
  if (data.count > std::numeric_limits<std::int32_t>::max()) {
    throw Error(ErrorKind::usage, data.name + " has more than 2^31 - 1 images; batches index them in 32 bits");
  }
  DeviceImages images{Tensor::from_host(stream, Shape{data.count, data.height, data.width, data.channels},
                                        std::span<const std::uint8_t>(data.pixels)),
                      Tensor::from_host(stream, Shape{data.count}, std::span<const std::int32_t>(data.labels)),
                      data.classes};
  stream.synchronize();
  return images;
}

}  // namespace bnas
