// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "bnas/core/tensor.hpp"

namespace bnas {

/// Labelled images on the host, as bytes.
struct Dataset {
  std::string name;
  std::int64_t count = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 1;
  int classes = 0;
  std::vector<std::uint8_t> pixels;  ///< (N,H,W,C)
  std::vector<std::int32_t> labels;  ///< (N), each in [0, classes)

  std::int64_t image_bytes() const { return height * width * channels; }
  std::span<const std::uint8_t> image(std::int64_t i) const;  ///< (H,W,C)
  /// The images at `rows`, in that order.
  Dataset select(std::span<const std::int32_t> rows) const;
  /// Images per class.
  std::vector<std::int64_t> histogram() const;
  /// SHA-256 of sizes, pixels and labels; not of the name.
  std::string digest() const;
};

/// One part of a data set. Train, Valid and Test are types of their own, so that none is taken for another: what should
/// never see the test images asks for a Train and a Valid.
template <class Tag>
class Part {
 public:
  explicit Part(Dataset data) : data_(std::move(data)) {}
  const Dataset& data() const { return data_; }
  std::int64_t count() const { return data_.count; }

 private:
  Dataset data_;
};

using Train = Part<struct TrainTag>;
using Valid = Part<struct ValidTag>;
using Test = Part<struct TestTag>;

/// A data set on a device, as kernels::GatherBatch reads it.
struct DeviceImages {
  Tensor images;  ///< u8 (N,H,W,C)
  Tensor labels;  ///< i32 (N)
  int classes = 0;
};

/// Copies the data set to the stream's device and waits, so that any stream of it may read; more than 2^31 - 1 images
/// are a `usage` Error.
DeviceImages upload(Stream& stream, const Dataset& data);

}  // namespace bnas
