// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/data/cifar.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "bnas/core/data/catalog.hpp"
#include "core/compress.hpp"
#include "core/file_helpers.hpp"

namespace bnas {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::size_t kImage = 3072;

/// A byte that tells image, channel, row and column apart as far as 8 bits can.
std::uint8_t value(std::size_t image, std::size_t channel, std::size_t y, std::size_t x) {
  return static_cast<std::uint8_t>(image * 101 + channel * 53 + y * 7 + x);
}

/// Records as the format has them: labels, then the planes of red, green and blue.
Bytes records(const std::vector<Bytes>& labels) {
  Bytes bytes;
  for (std::size_t image = 0; image < labels.size(); ++image) {
    bytes.insert(bytes.end(), labels[image].begin(), labels[image].end());
    for (std::size_t channel = 0; channel < 3; ++channel) {
      for (std::size_t y = 0; y < 32; ++y) {
        for (std::size_t x = 0; x < 32; ++x) {
          bytes.push_back(value(image, channel, y, x));
        }
      }
    }
  }
  return bytes;
}

class Cifar : public ::testing::Test {
 protected:
  Dataset read(const Bytes& file, CifarKind kind) {
    put_bytes(path_, file);
    return read_cifar(std::vector{path_}, kind);
  }
  std::string refusal(const Bytes& file, CifarKind kind) {
    const Error error = error_of([&] { read(file, kind); });
    EXPECT_EQ(error.kind(), ErrorKind::bad_data) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(path_.string()));
    return error.what();
  }

  TestDirectory directory_;
  std::filesystem::path path_ = directory_ / "batch.bin";
};

TEST_F(Cifar, PlanesBecomePixels) {
  const Bytes file = records({{9}, {0}, {4}});
  for (const Bytes& stored : {file, gzip(file), xz(file)}) {
    const Dataset data = read(stored, CifarKind::cifar10);
    EXPECT_EQ(data.count, 3);
    EXPECT_EQ(data.classes, 10);
    EXPECT_EQ(data.labels, (std::vector<std::int32_t>{9, 0, 4}));
    ASSERT_EQ(data.pixels.size(), 3 * kImage);
    for (std::size_t i = 0; i < data.pixels.size(); ++i) {
      const std::size_t pixel = i / 3;
      ASSERT_EQ(data.pixels[i], value(pixel / 1024, i % 3, pixel / 32 % 32, pixel % 32)) << i;
    }
  }
}

TEST_F(Cifar, FineLabelsAreTheClassesOfCifar100) {
  const Dataset data = read(records({{19, 99}, {0, 7}}), CifarKind::cifar100);
  EXPECT_EQ(data.classes, 100);
  EXPECT_EQ(data.labels, (std::vector<std::int32_t>{99, 7}));
  EXPECT_EQ(data.image(1)[1], value(1, 1, 0, 0));
}

TEST_F(Cifar, FilesFollowOneAnother) {
  put_bytes(directory_ / "a", records({{1}, {2}}));
  put_bytes(directory_ / "b", records({{3}}));
  const Dataset data = read_cifar(std::vector{directory_ / "b", directory_ / "a"}, CifarKind::cifar10);
  EXPECT_EQ(data.labels, (std::vector<std::int32_t>{3, 1, 2}));
}

TEST_F(Cifar, DamageIsNamedWithItsPlace) {
  const Bytes file = records({{1}, {2}});
  const auto prefix = [](const Bytes& bytes, std::size_t length) {
    return Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(length));
  };
  for (const std::size_t length : {std::size_t{0}, std::size_t{1}, kImage, kImage + 2, 2 * kImage + 1}) {
    refusal(prefix(file, length), CifarKind::cifar10);
    refusal(gzip(prefix(file, length)), CifarKind::cifar10);
  }
  const Bytes packed = xz(file);
  for (std::size_t length = 0; length < packed.size(); ++length) {
    refusal(prefix(packed, length), CifarKind::cifar10);
  }
  EXPECT_THAT(refusal(gzip(prefix(file, kImage + 3)), CifarKind::cifar10),
              AllOf(HasSubstr("at byte 3073"), HasSubstr("only 2")));
  EXPECT_THAT(refusal(records({{1}, {10}}), CifarKind::cifar10),
              AllOf(HasSubstr("at byte 3073"), HasSubstr("a label below 10, found 10")));
  EXPECT_THAT(refusal(records({{20, 1}}), CifarKind::cifar100), HasSubstr("a label below 20, found 20"));
  EXPECT_THAT(refusal(records({{19, 100}}), CifarKind::cifar100), HasSubstr("at byte 1 expected a label below 100"));
  // A set of one label byte read as the other kind: the sizes do not fit.
  refusal(file, CifarKind::cifar100);
}

TEST_F(Cifar, DamagedXzIsRefused) {
  Bytes file = xz(records({{1}, {2}}));
  for (std::size_t at = 0; at < file.size(); at += 3) {
    Bytes damaged = file;
    damaged[at] ^= 0x55U;
    try {
      read(damaged, CifarKind::cifar10);
      ADD_FAILURE() << "byte " << at << " of " << file.size() << " is not covered by any check";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_data) << error.what();
    }
  }
}

// The published means of the training images are an oracle for the order of channels and of labels.
TEST(Catalog, Cifar10) {
  DataConfig config;
  config.name = "cifar-10";
  for (const DatasetInfo& info : list_datasets()) {
    if (info.name == config.name && !info.available) {
      GTEST_SKIP() << "no CIFAR-10 here: " << info.how_to_get;
    }
  }
  config.split.valid_count = 1;
  const TrainValid parts = load_train_valid(config);
  const Dataset& train = parts.train.data();
  std::vector<std::int64_t> per_class = train.histogram();
  ++per_class[static_cast<std::size_t>(parts.valid.data().labels[0])];
  EXPECT_EQ(per_class, std::vector<std::int64_t>(10, 5'000));
  std::vector<double> sums(3);
  for (std::size_t i = 0; i < train.pixels.size(); ++i) {
    sums[i % 3] += train.pixels[i];
  }
  const double pixels = static_cast<double>(train.pixels.size()) / 3.0 * 255.0;
  EXPECT_NEAR(sums[0] / pixels, 0.49140, 1e-4);
  EXPECT_NEAR(sums[1] / pixels, 0.48216, 1e-4);
  EXPECT_NEAR(sums[2] / pixels, 0.44653, 1e-4);
}

}  // namespace
}  // namespace bnas
