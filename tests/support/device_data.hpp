// SPDX-License-Identifier: Apache-2.0
// Host arrays to device tensors and back, and streams whose memory is poisoned.
#pragma once

#include <cmath>
#include <cstring>
#include <limits>

#include "bnas/core/backend.hpp"
#include "bnas/portable/philox.hpp"
#include "support/op_case.hpp"

namespace bnas::test {

/// A CPU stream whose fresh memory reads as NaN, -1, or bits of one: reading before writing shows in the results.
class PoisonStream final : public Stream {
 public:
  explicit PoisonStream(std::unique_ptr<Stream> inner) : inner_(std::move(inner)) {}
  Backend& backend() const override { return inner_->backend(); }
  std::shared_ptr<Storage> allocate(std::size_t bytes) override {
    auto storage = inner_->allocate(bytes);
    std::memset(storage->data(), 0xFF, bytes);
    return storage;
  }
  void synchronize() override { inner_->synchronize(); }
  void mark_step() override { inner_->mark_step(); }
  std::int64_t steps_completed() const override { return inner_->steps_completed(); }
  std::unique_ptr<Repeated> repeat(std::function<void()> work) override { return inner_->repeat(std::move(work)); }
  MemoryStats memory() const override { return inner_->memory(); }
  void set_memory_limit(std::size_t bytes) override { inner_->set_memory_limit(bytes); }

 private:
  std::unique_ptr<Stream> inner_;
};

/// A stream for tests. Other devices than the CPU bring their own check of uninitialized reads.
inline std::unique_ptr<Stream> test_stream(Device device) {
  auto stream = backend_for(device).make_stream();
  return device.type == DeviceType::cpu ? std::make_unique<PoisonStream>(std::move(stream)) : std::move(stream);
}

inline Array generate(const Input& input, std::uint64_t seed) {
  const RandomKey key{seed, 0, RandomPurpose::synthetic};
  Array array(input.shape);
  const auto n = static_cast<std::uint64_t>(array.size());
  for (std::uint64_t i = 0; i < n; ++i) {
    double& value = array.values[i];
    switch (input.fill) {
      case Fill::reals:
        value = (2.0 * key.below(i, 4096) + 1.0) / 2048.0 - 2.0;
        break;
      case Fill::distinct:
        value = (2.0 * static_cast<double>(i) + 1.0) / 256.0 - static_cast<double>(n) / 256.0;
        break;
      case Fill::integers: {
        const auto width = static_cast<std::uint32_t>(input.high - input.low + 1);
        value = input.low + static_cast<double>(key.below(i, width));
        value = input.dtype == DType::bit ? 2.0 * value - 1.0 : value;
        break;
      }
      case Fill::listed:
        value = input.values.at(i);
        break;
    }
  }
  for (std::uint64_t i = n; input.fill == Fill::distinct && i > 1; --i) {  // Fisher and Yates
    std::swap(array.values[i - 1], array.values[key.below(i, static_cast<std::uint32_t>(i))]);
  }
  return array;
}

template <class T>
std::vector<unsigned char> bytes_of(const Array& array) {
  std::vector<unsigned char> bytes(array.values.size() * sizeof(T));
  for (std::size_t i = 0; i < array.values.size(); ++i) {
    const T value = static_cast<T>(array.values[i]);
    std::memcpy(bytes.data() + i * sizeof(T), &value, sizeof(T));
  }
  return bytes;
}

/// The bytes of a dense tensor with these values; bits packed by their definition.
inline std::vector<unsigned char> encode(const Array& array, DType dtype) {
  switch (dtype) {
    case DType::f32:
      return bytes_of<float>(array);
    case DType::i32:
      return bytes_of<std::int32_t>(array);
    case DType::i16:
      return bytes_of<std::int16_t>(array);
    case DType::i8:
      return bytes_of<std::int8_t>(array);
    case DType::u8:
      return bytes_of<std::uint8_t>(array);
    case DType::bit:
      break;
  }
  const std::int64_t channels = array.shape.channels(), row_bytes = (channels + 31) / 32 * 4;
  std::vector<unsigned char> bytes(static_cast<std::size_t>(array.shape.rows() * row_bytes), 0);
  for (std::int64_t i = 0; i < array.size(); ++i) {
    const std::int64_t row = i / channels, channel = i % channels;
    if (array[i] < 0.0) {
      bytes[static_cast<std::size_t>(row * row_bytes + channel / 8)] |= static_cast<unsigned char>(1 << (channel % 8));
    }
  }
  return bytes;
}

inline Tensor upload(Stream& stream, const Array& array, DType dtype) {
  const std::vector<unsigned char> bytes = encode(array, dtype);
  Tensor tensor(stream, array.shape, dtype);
  stream.backend().copy_from_host(tensor.raw(), bytes.data(), bytes.size(), stream);
  return tensor;
}

inline std::vector<unsigned char> raw_bytes(Stream& stream, const Tensor& tensor) {
  std::vector<unsigned char> bytes(tensor.bytes());
  stream.backend().copy_to_host(bytes.data(), tensor.raw(), bytes.size(), stream);
  stream.synchronize();
  return bytes;
}

inline Array download(Stream& stream, const Tensor& tensor) {
  Array array(tensor.shape());
  const std::vector<float> values = tensor.to_host(stream);
  array.values.assign(values.begin(), values.end());
  return array;
}

}  // namespace bnas::test
