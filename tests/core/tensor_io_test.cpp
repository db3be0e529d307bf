// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/io/tensor_io.hpp"

#include <gmock/gmock.h>

#include "bnas/core/backend.hpp"
#include "core/file_helpers.hpp"

namespace bnas {
namespace {

using ::testing::HasSubstr;

class TensorIo : public ::testing::Test {
 protected:
  template <class T>
  Tensor make(const Shape& shape, DType dtype, const std::vector<T>& values) {
    Tensor tensor(*stream_, shape, dtype);
    EXPECT_EQ(values.size() * sizeof(T), tensor.bytes());
    backend_for({}).copy_from_host(tensor.raw(), values.data(), tensor.bytes(), *stream_);
    return tensor;
  }
  template <class T>
  std::vector<T> content(const Tensor& tensor) {
    std::vector<T> values(tensor.bytes() / sizeof(T));
    backend_for({}).copy_to_host(values.data(), tensor.raw(), tensor.bytes(), *stream_);
    stream_->synchronize();
    return values;
  }
  // Through a file's bytes into a tensor of the same shape and type.
  Tensor round_trip(const Tensor& tensor) {
    TensorFile file;
    put_tensor(file, "t", tensor, *stream_);
    const TensorFile read = parse_tensors(serialize_tensors(file), "memory");
    Tensor copy(*stream_, tensor.shape(), tensor.dtype());
    get_tensor(read, "t", copy, *stream_, "memory");
    return copy;
  }

  std::unique_ptr<Stream> stream_ = backend_for({}).make_stream();
};

TEST_F(TensorIo, EveryTypeComesBack) {
  EXPECT_EQ(content<float>(round_trip(make<float>({2, 2}, DType::f32, {1.0F, -0.0F, 1e-45F, 3e38F}))),
            (std::vector<float>{1.0F, -0.0F, 1e-45F, 3e38F}));
  EXPECT_EQ(content<std::int32_t>(round_trip(make<std::int32_t>({2}, DType::i32, {-1, 1 << 30}))),
            (std::vector<std::int32_t>{-1, 1 << 30}));
  EXPECT_EQ(content<std::int16_t>(round_trip(make<std::int16_t>({2}, DType::i16, {-1, 32767}))),
            (std::vector<std::int16_t>{-1, 32767}));
  EXPECT_EQ(content<std::int8_t>(round_trip(make<std::int8_t>({2}, DType::i8, {-128, 127}))),
            (std::vector<std::int8_t>{-128, 127}));
  EXPECT_EQ(content<std::uint8_t>(round_trip(make<std::uint8_t>({2}, DType::u8, {0, 255}))),
            (std::vector<std::uint8_t>{0, 255}));
  EXPECT_EQ(content<float>(round_trip(make<float>({}, DType::f32, {2.5F}))), (std::vector<float>{2.5F}));
}

// Channels around a byte (8) and a word (32): rows of ceil(c / 8) bytes in the file, of whole words in memory.
TEST_F(TensorIo, BitsArePackedToBytes) {
  for (const std::int64_t channels : {1, 7, 8, 9, 31, 32, 33, 64, 65}) {
    const auto words = static_cast<std::size_t>(words_for(channels));
    std::vector<Word> bits(3 * words);
    for (std::size_t i = 0; i < bits.size(); ++i) {
      bits[i] = 0x9E3779B9U * static_cast<Word>(i + 1);
      if ((i + 1) % words == 0) {
        bits[i] &= tail_mask(channels);
      }
    }
    const Tensor tensor = make<Word>({3, channels}, DType::bit, bits);
    TensorFile file;
    put_tensor(file, "t", tensor, *stream_);
    const StoredTensor& stored = file.tensors.at("t");
    const std::int64_t row_bytes = (channels + 7) / 8;
    ASSERT_EQ(stored.shape, (std::vector<std::int64_t>{3, row_bytes}));
    for (std::int64_t row = 0; row < 3; ++row) {
      for (std::int64_t c = 0; c < channels; ++c) {
        const Word expected =
            bits[static_cast<std::size_t>(row) * words + static_cast<std::size_t>(c / 32)] >> c % 32 & 1U;
        EXPECT_EQ(stored.bytes[static_cast<std::size_t>(row * row_bytes + c / 8)] >> c % 8 & 1,
                  static_cast<int>(expected));
      }
    }
    EXPECT_EQ(content<Word>(round_trip(tensor)), bits) << channels;
  }
}

TEST_F(TensorIo, WhatDoesNotFitIsRefused) {
  TensorFile file;
  put_tensor(file, "f", make<float>({2, 2}, DType::f32, {1, 2, 3, 4}), *stream_);
  put_tensor(file, "b", make<Word>({1, 9}, DType::bit, {0x1FFU}), *stream_);
  const auto refusal = [&](const char* name, const Shape& shape, DType dtype) {
    Tensor tensor(*stream_, shape, dtype);
    const Error error = error_of([&] { get_tensor(file, name, tensor, *stream_, "FILE"); });
    EXPECT_EQ(error.kind(), ErrorKind::bad_data);
    EXPECT_THAT(error.what(), HasSubstr(std::string("FILE: tensor '") + name + "'"));
    return std::string(error.what());
  };
  EXPECT_THAT(refusal("absent", {1}, DType::f32), HasSubstr("none of this name"));
  EXPECT_THAT(refusal("f", {4}, DType::f32), HasSubstr("expected F32 (4), found F32 (2, 2)"));
  EXPECT_THAT(refusal("f", {2, 2}, DType::i32), HasSubstr("expected I32 (2, 2), found F32 (2, 2)"));
  EXPECT_THAT(refusal("b", {1, 10}, DType::bit), HasSubstr("another shape of bits"));
  EXPECT_THAT(refusal("b", {1, 17}, DType::bit), HasSubstr("expected U8 (1, 3), found U8 (1, 2)"));
  file.tensors["b"].bytes[1] = 0x03;
  EXPECT_THAT(refusal("b", {1, 9}, DType::bit), HasSubstr("padding bits"));
  file.metadata.clear();
  EXPECT_THAT(refusal("b", {1, 9}, DType::bit), HasSubstr("found bytes"));
}

}  // namespace
}  // namespace bnas
