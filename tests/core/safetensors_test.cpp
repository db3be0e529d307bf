// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/io/safetensors.hpp"

#include <gmock/gmock.h>

#include <bit>
#include <limits>

#include "core/file_helpers.hpp"

namespace bnas {
namespace {

using ::testing::HasSubstr;

template <class T>
Bytes bytes_of(const std::vector<T>& values) {
  const auto* data = reinterpret_cast<const std::uint8_t*>(values.data());
  return {data, data + values.size() * sizeof(T)};
}

TensorFile small_file() {
  TensorFile file;
  file.tensors["b.weight"] = {StoredType::f32, {2, 3}, bytes_of<float>({0.0F, -0.0F, 1.5F, -2.0F, 1e-45F, 3e38F})};
  file.tensors["a.bits"] = {StoredType::u8, {5}, {1, 2, 3, 4, 255}};
  file.tensors["count"] = {StoredType::i32, {}, bytes_of<std::int32_t>({-7})};
  file.tensors["empty"] = {StoredType::f32, {0, 4}, {}};
  file.metadata = {{"quote", "a \"b\" \\ c"}, {"name", "\xC3\xA9t\xC3\xA9"}};
  return file;
}

// A file around `header`, with `data` zero bytes behind it.
Bytes raw_file(const std::string& header, std::size_t data) {
  Bytes bytes = bytes_of<std::uint64_t>({header.size()});
  bytes.insert(bytes.end(), header.begin(), header.end());
  bytes.resize(bytes.size() + data);
  return bytes;
}

std::string refusal(const std::string& header, std::size_t data) {
  const Error error = error_of([&] { parse_tensors(raw_file(header, data), "FILE"); });
  EXPECT_EQ(error.kind(), ErrorKind::bad_data) << error.what();
  EXPECT_THAT(error.what(), HasSubstr("FILE"));
  return error.what();
}

TEST(Safetensors, RoundTrip) {
  const TensorFile file = small_file();
  const Bytes bytes = serialize_tensors(file);
  EXPECT_EQ(parse_tensors(bytes, "memory"), file);
  EXPECT_EQ(serialize_tensors(small_file()), bytes);
  const TestDirectory directory;
  write_tensors(directory / "f", file);
  EXPECT_EQ(read_tensors(directory / "f"), file);
  EXPECT_EQ(parse_tensors(serialize_tensors({}), "memory"), TensorFile{});
}

// The layout written out by hand from the format's description: length, JSON padded to 8 bytes, wider elements first.
TEST(Safetensors, LayoutIsThatOfTheFormat) {
  TensorFile file;
  file.tensors["a"] = {StoredType::u8, {1}, {9}};
  file.tensors["b"] = {StoredType::f32, {1}, bytes_of<float>({1.0F})};
  file.metadata["k"] = "v";
  const std::string header = R"({"__metadata__":{"k":"v"},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                             R"("a":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}})";
  Bytes expected = raw_file(header + std::string((8 - header.size() % 8) % 8, ' '), 0);
  for (const std::uint8_t byte : {0x00, 0x00, 0x80, 0x3F, 0x09}) {
    expected.push_back(byte);
  }
  EXPECT_EQ(serialize_tensors(file), expected);
}

TEST(Safetensors, EveryTruncationAndAdditionIsRefused) {
  const Bytes whole = serialize_tensors(small_file());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const Error error = error_of([&] { parse_tensors(std::span(whole).first(length), "FILE"); });
    EXPECT_EQ(error.kind(), ErrorKind::bad_data) << length;
  }
  Bytes longer = whole;
  longer.push_back(0);
  EXPECT_EQ(error_of([&] { parse_tensors(longer, "FILE"); }).kind(), ErrorKind::bad_data);
}

// Any byte replaced by some others: either refused or read as some file, never anything else.
TEST(Safetensors, FlippedBytesNeverCrash) {
  const Bytes whole = serialize_tensors(small_file());
  int refused = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const std::uint8_t flip : {0x01, 0x04, 0x10, 0x20, 0x80, 0xFF}) {
      Bytes bytes = whole;
      bytes[i] ^= flip;
      try {
        parse_tensors(bytes, "FILE");
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::bad_data) << error.what();
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 1000);
}

TEST(Safetensors, HeaderAttacks) {
  const std::string u8_4 = R"("dtype":"U8","shape":[4],"data_offsets":[0,4])";
  EXPECT_THAT(refusal(R"([1])", 0), HasSubstr("begin with '{'"));
  EXPECT_THAT(refusal(R"( {})", 0), HasSubstr("begin with '{'"));
  EXPECT_THAT(refusal(R"({}x)", 0), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal(std::string("{}\0{}", 5), 0), HasSubstr("NUL"));
  EXPECT_THAT(refusal("{\"\xFF\":{" + u8_4 + "}}", 4), HasSubstr("not valid JSON"));
  EXPECT_THAT(refusal("{\"a\\u001b[2J\":{" + u8_4 + "}}", 4), HasSubstr("control character"));
  EXPECT_THAT(refusal("{\"\\u009b\":{" + u8_4 + "}}", 4), HasSubstr("control character"));
  EXPECT_THAT(refusal("{\"\":{" + u8_4 + "}}", 4), HasSubstr("is empty"));
  EXPECT_THAT(refusal("{\"" + std::string(513, 'n') + "\":{" + u8_4 + "}}", 4), HasSubstr("513 bytes"));
  EXPECT_THAT(refusal("{\"a\":{" + u8_4 + "},\"a\":{" + u8_4 + "}}", 4), HasSubstr("overlap"));
  EXPECT_THAT(
      refusal(
          R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
          1),
      HasSubstr("'a' occurs twice"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 4),
              HasSubstr("'dtype' occurs twice"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"k":"1","k":"2"}})", 0), HasSubstr("'k' occurs twice"));
  EXPECT_THAT(refusal(R"({"__metadata__":{},"__metadata__":{}})", 0), HasSubstr("occurs twice"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"k":1}})", 0), HasSubstr("a number out of place"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"k":{}}})", 0), HasSubstr("an object out of place"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[4]}})", 4), HasSubstr("found fewer"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U9","shape":[4],"data_offsets":[0,4]}})", 4), HasSubstr("dtype 'U9'"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":4,"data_offsets":[0,4]}})", 4), HasSubstr("tensor 'a'"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,8]}})", 4),
              HasSubstr("a number out of place"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}})", 4), HasSubstr("negative"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[4.0],"data_offsets":[0,4]}})", 4), HasSubstr("out of place"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[1,1,1,1,1,1,1,1,4],"data_offsets":[0,4]}})", 4),
              HasSubstr("at most 8 dimensions"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"path":"/etc/passwd"}})", 4),
              HasSubstr("found 'path'"));
  EXPECT_THAT(refusal(R"({"a":)" + std::string(1'000'000, '[') + "}", 0), HasSubstr("an array out of place"));
  EXPECT_THAT(refusal(std::string(1'000'000, '{'), 0), HasSubstr("not valid JSON"));
}

TEST(Safetensors, OffsetAttacks) {
  const auto one = [](const char* shape, const char* offsets) {
    return std::string(R"({"a":{"dtype":"F32","shape":)") + shape + R"(,"data_offsets":)" + offsets + "}}";
  };
  // 2^62 elements of 4 bytes wrap to 0 in 64 bits; so do 2^32 x 2^32.
  EXPECT_THAT(refusal(one("[4611686018427387904]", "[0,0]"), 0), HasSubstr("beyond 63 bits"));
  EXPECT_THAT(refusal(one("[4294967296,4294967296]", "[0,0]"), 0), HasSubstr("beyond 63 bits"));
  EXPECT_THAT(refusal(one("[18446744073709551615]", "[0,4]"), 4), HasSubstr("beyond 63 bits"));
  EXPECT_THAT(refusal(one("[1000000000000]", "[0,4000000000000]"), 4), HasSubstr("within 4 bytes"));
  EXPECT_THAT(refusal(one("[1]", "[4,0]"), 4), HasSubstr("offsets 4 to 0"));
  EXPECT_THAT(refusal(one("[1]", "[0,3]"), 3), HasSubstr("expected 4 bytes"));
  EXPECT_THAT(refusal(one("[1]", "[4,8]"), 8), HasSubstr("hole"));
  EXPECT_THAT(refusal(one("[1]", "[0,4]"), 8), HasSubstr("expected 4 bytes of data by the header, found 8"));
  EXPECT_THAT(refusal("{}", 1), HasSubstr("found 1"));
  // A header longer than the file, and one longer than the limit.
  EXPECT_EQ(error_of([] { parse_tensors(bytes_of<std::uint64_t>({~0ULL}), "FILE"); }).kind(), ErrorKind::bad_data);
  EXPECT_THAT(refusal("{}" + std::string(std::size_t{16} << 20U, ' '), 0), HasSubstr("a header of at most 16777216"));
}

TEST(Safetensors, TooManyTensors) {
  TensorFileLimits limits;
  limits.tensors = 2;
  TensorFile file;
  for (const char* name : {"a", "b", "c"}) {
    file.tensors[name] = {StoredType::u8, {1}, {1}};
  }
  EXPECT_EQ(error_of([&] { serialize_tensors(file, limits); }).kind(), ErrorKind::usage);
  EXPECT_THAT(error_of([&] { parse_tensors(serialize_tensors(file), "FILE", limits); }).what(),
              HasSubstr("at most 2 tensors"));
}

TEST(Safetensors, NonfiniteNumbersAreRefused) {
  const std::vector<StoredTensor> bad = {
      {StoredType::f32, {2}, bytes_of<float>({1.0F, std::numeric_limits<float>::infinity()})},
      {StoredType::f32, {2}, bytes_of<float>({1.0F, std::numeric_limits<float>::quiet_NaN()})},
      {StoredType::f64, {2}, bytes_of<double>({1.0, -std::numeric_limits<double>::infinity()})},
      {StoredType::f16, {2}, bytes_of<std::uint16_t>({0x3C00, 0x7C01})},
      {StoredType::bf16, {2}, bytes_of<std::uint16_t>({0x3F80, 0xFF80})}};
  TensorFileLimits lenient;
  lenient.allow_nonfinite = true;
  for (const StoredTensor& tensor : bad) {
    TensorFile file;
    file.tensors["w"] = tensor;
    EXPECT_THAT(error_of([&] { serialize_tensors(file); }).what(), HasSubstr("'w': element 1"));
    const Bytes bytes = serialize_tensors(file, lenient);
    const Error error = error_of([&] { parse_tensors(bytes, "FILE"); });
    EXPECT_EQ(error.kind(), ErrorKind::bad_data);
    EXPECT_THAT(error.what(), HasSubstr("'w': element 1"));
    EXPECT_EQ(parse_tensors(bytes, "FILE", lenient), file);
  }
}

TEST(Safetensors, WriterRefusesWhatCannotBeReadAgain) {
  const auto refused = [](const std::string& name, const StoredTensor& tensor) {
    TensorFile file;
    file.tensors[name] = tensor;
    return error_of([&] { serialize_tensors(file); }).kind() == ErrorKind::usage;
  };
  const StoredTensor good{StoredType::u8, {1}, {1}};
  EXPECT_TRUE(refused("", good));
  EXPECT_TRUE(refused("__metadata__", good));
  EXPECT_TRUE(refused("a\nb", good));
  EXPECT_TRUE(refused("\xFF", good));
  EXPECT_TRUE(refused("a", {StoredType::u8, {2}, {1}}));
  EXPECT_TRUE(refused("a", {StoredType::u8, {-1}, {1}}));
  EXPECT_TRUE(refused("a", {StoredType::u8, std::vector<std::int64_t>(9, 1), {1}}));
}

}  // namespace
}  // namespace bnas
