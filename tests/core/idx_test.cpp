// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/data/idx.hpp"

#include <gmock/gmock.h>

#include "core/compress.hpp"
#include "core/file_helpers.hpp"

namespace bnas {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

void put_u32(Bytes& bytes, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

// Three images of 2 x 3.
Bytes image_file() {
  Bytes bytes;
  for (const std::uint32_t number : {2051, 3, 2, 3}) {
    put_u32(bytes, number);
  }
  for (int i = 0; i < 18; ++i) {
    bytes.push_back(static_cast<std::uint8_t>(255 - i));
  }
  return bytes;
}

Bytes label_file(const Bytes& labels = {9, 0, 4}) {
  Bytes bytes;
  put_u32(bytes, 2049);
  put_u32(bytes, static_cast<std::uint32_t>(labels.size()));
  bytes.insert(bytes.end(), labels.begin(), labels.end());
  return bytes;
}

class Idx : public ::testing::Test {
 protected:
  Dataset read(const Bytes& images, const Bytes& labels, int classes = 10) {
    put_bytes(images_, images);
    put_bytes(labels_, labels);
    return read_idx(images_, labels_, classes);
  }
  std::string refusal(const Bytes& images, const Bytes& labels, int classes = 10) {
    const Error error = error_of([&] { read(images, labels, classes); });
    EXPECT_EQ(error.kind(), ErrorKind::bad_data) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(directory_.path().string()));
    return error.what();
  }
  static void expect_small(const Dataset& data) {
    EXPECT_EQ(data.count, 3);
    EXPECT_EQ(data.height, 2);
    EXPECT_EQ(data.width, 3);
    EXPECT_EQ(data.channels, 1);
    EXPECT_EQ(data.labels, (std::vector<std::int32_t>{9, 0, 4}));
    ASSERT_EQ(data.pixels.size(), 18U);
    EXPECT_EQ(data.pixels[0], 255);
    EXPECT_EQ(data.pixels[17], 238);
    EXPECT_EQ(data.image(1)[0], 249);
  }

  TestDirectory directory_;
  // The names lie about the compression: the content decides.
  std::filesystem::path images_ = directory_ / "images.gz";
  std::filesystem::path labels_ = directory_ / "labels";
};

TEST_F(Idx, PlainGzipAndXz) {
  expect_small(read(image_file(), label_file()));
  expect_small(read(gzip(image_file()), gzip(label_file())));
  expect_small(read(xz(image_file()), xz(label_file())));
  // Two gzip members are one content (RFC 1952, 2.2).
  const Bytes whole = image_file();
  Bytes members = gzip(Bytes(whole.begin(), whole.begin() + 20));
  const Bytes second = gzip(Bytes(whole.begin() + 20, whole.end()));
  members.insert(members.end(), second.begin(), second.end());
  expect_small(read(members, label_file()));
}

TEST_F(Idx, EveryPrefixIsRefused) {
  for (const bool compressed : {false, true}) {
    const Bytes images = compressed ? gzip(image_file()) : image_file();
    const Bytes labels = compressed ? gzip(label_file()) : label_file();
    for (std::size_t length = 0; length < images.size(); ++length) {
      refusal(Bytes(images.begin(), images.begin() + static_cast<std::ptrdiff_t>(length)), labels);
    }
    for (std::size_t length = 0; length < labels.size(); ++length) {
      refusal(images, Bytes(labels.begin(), labels.begin() + static_cast<std::ptrdiff_t>(length)));
    }
  }
}

TEST_F(Idx, TrailingBytesAreRefused) {
  for (const std::uint8_t extra : {0x00, 0x1F, 0x8B}) {
    Bytes plain = image_file();
    plain.push_back(extra);
    refusal(plain, label_file());
    refusal(gzip(plain), label_file());
    Bytes compressed = gzip(image_file());
    compressed.push_back(extra);
    refusal(compressed, label_file());
  }
}

TEST_F(Idx, EveryBitOfThePlainHeadersCounts) {
  for (std::size_t bit = 0; bit < 16 * 8; ++bit) {
    Bytes images = image_file();
    images[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    refusal(images, label_file());
    if (bit < 8 * 8) {
      Bytes labels = label_file();
      labels[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
      refusal(image_file(), labels);
    }
  }
}

// Some bits of a gzip file mean nothing (time, system): refused or read as if they were untouched.
TEST_F(Idx, FlippedGzipBitsAreRefusedOrHarmless) {
  const Bytes images = gzip(image_file());
  int refused = 0;
  for (std::size_t bit = 0; bit < images.size() * 8; ++bit) {
    Bytes flipped = images;
    flipped[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
    try {
      expect_small(read(flipped, label_file()));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_data);
      ++refused;
    }
  }
  EXPECT_GT(refused, static_cast<int>(images.size() * 8) / 2);
}

TEST_F(Idx, MessagesNameFileOffsetExpectedAndFound) {
  EXPECT_THAT(refusal(label_file(), label_file()),
              AllOf(HasSubstr("images.gz: at byte 0 expected magic number 2051, found 2049"), HasSubstr("labels")));
  EXPECT_THAT(refusal(image_file(), image_file()),
              HasSubstr("labels: at byte 0 expected magic number 2049, found 2051"));
  EXPECT_THAT(refusal(image_file(), label_file({9, 10, 4})),
              HasSubstr("at byte 9 expected a label below 10, found 10"));
  EXPECT_THAT(refusal(image_file(), label_file(), 9), HasSubstr("at byte 8 expected a label below 9, found 9"));
  EXPECT_THAT(refusal(image_file(), label_file({1, 2})), HasSubstr("at byte 4 expected 2 images"));
  EXPECT_THAT(refusal(image_file(), label_file({1, 2, 3, 4})), HasSubstr("expected 4 images"));
  Bytes longer = image_file();
  longer.push_back(0);
  EXPECT_THAT(refusal(longer, label_file()),
              HasSubstr("at byte 16 expected 34 bytes in all, as the header says, found 35"));
}

TEST_F(Idx, MissingFilesAndBadArguments) {
  put_bytes(images_, image_file());
  EXPECT_EQ(error_of([&] { read_idx(images_, directory_ / "absent", 10); }).kind(), ErrorKind::missing);
  for (const int classes : {-1, 0, 1, 257}) {
    EXPECT_EQ(error_of([&] { read(image_file(), label_file(), classes); }).kind(), ErrorKind::usage);
  }
}

// Headers that claim more than the file can hold are refused before memory is claimed; products do not overflow.
TEST_F(Idx, HugeClaimsAreRefusedAtOnce) {
  const auto claim = [](std::uint32_t n, std::uint32_t h, std::uint32_t w) {
    Bytes bytes;
    for (const std::uint32_t number : {2051U, n, h, w}) {
      put_u32(bytes, number);
    }
    bytes.resize(bytes.size() + 18);
    return bytes;
  };
  for (const Bytes& bytes : {claim(3, 16384, 16384), claim(3, 0xFFFFFFFF, 0xFFFFFFFF), claim(3, 16385, 1),
                             claim(3, 0, 3), claim(3, 2, 0x80000000)}) {
    refusal(bytes, label_file());
    refusal(gzip(bytes), label_file());
  }
  Bytes labels;
  put_u32(labels, 2049);
  put_u32(labels, 0x7FFFFFFF);
  refusal(image_file(), labels);
  EXPECT_THAT(refusal(image_file(), gzip(labels)), HasSubstr("cannot hold more than"));
}

// 64 MiB of zeros behind three small images, in 64 KiB: reading stops at the declared size.
TEST_F(Idx, GzipBombStopsAtTheDeclaredSize) {
  Bytes bomb = image_file();
  bomb.resize(bomb.size() + (std::size_t{64} << 20U));
  const Bytes compressed = gzip(bomb);
  ASSERT_LT(compressed.size(), 100'000U);
  EXPECT_THAT(refusal(compressed, label_file()),
              HasSubstr("at byte 34 expected the end of the file, found more bytes"));
}

}  // namespace
}  // namespace bnas
