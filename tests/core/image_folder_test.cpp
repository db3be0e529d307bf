// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/data/image_folder.hpp"

#include <gmock/gmock.h>

#include "bnas/core/data/catalog.hpp"
#include "core/file_helpers.hpp"
#include "core/pictures.hpp"

namespace bnas {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

/// Two classes; every picture has one colour, so that its pixel says which file it was.
class ImageFolder : public ::testing::Test {
 protected:
  ImageFolder() {
    put("train/dog/2.png", 20);
    put("train/dog/10.PNG", 30);
    put("train/cat/b.png", 10);
    put("test/cat/x.png", 40);
    put("test/dog/x.png", 50);
    options_.side = 2;
    options_.channels = 1;
    options_.cache_dir = directory_ / "cache";
  }
  void put(const std::string& name, int grey) {
    const fs::path path = root_ / name;
    fs::create_directories(path.parent_path());
    put_bytes(path, png_file(3, 4, PNG_FORMAT_GRAY, Bytes(12, static_cast<std::uint8_t>(grey))));
  }
  Dataset read(const std::string& part = "train") const { return read_image_folder(root_, part, options_); }
  std::string refusal(ErrorKind kind = ErrorKind::bad_data, const std::string& part = "train") const {
    const Error error = error_of([&] { read(part); });
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  std::vector<fs::path> cached() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(options_.cache_dir)) {
      files.push_back(entry.path());
    }
    return files;
  }

  TestDirectory directory_;
  fs::path root_ = directory_ / "pictures";
  ImageFolderOptions options_;
};

TEST_F(ImageFolder, ClassesAndFilesComeInTheOrderOfTheirNames) {
  put("train/cat/.hidden.png", 99);
  const Dataset data = read();
  EXPECT_EQ(data.count, 3);
  EXPECT_EQ(data.classes, 2);
  EXPECT_EQ(data.labels, (std::vector<std::int32_t>{0, 1, 1}));
  EXPECT_EQ(data.pixels, (std::vector<std::uint8_t>{10, 10, 10, 10, 30, 30, 30, 30, 20, 20, 20, 20}));
  EXPECT_EQ(read("test").labels, (std::vector<std::int32_t>{0, 1}));
}

TEST_F(ImageFolder, PackedCopyIsKeyedByContents) {
  const Dataset first = read();
  ASSERT_EQ(cached().size(), 1U);
  // A copy is trusted as far as its digest: this one is what was written, so it is what is read.
  const auto written = fs::last_write_time(cached()[0]);
  EXPECT_EQ(read().digest(), first.digest());
  EXPECT_EQ(fs::last_write_time(cached()[0]), written);
  put("train/cat/b.png", 11);
  EXPECT_EQ(read().pixels[0], 11);
  EXPECT_EQ(cached().size(), 2U);
  put("train/cat/b.png", 10);
  options_.side = 1;
  EXPECT_EQ(read().pixels.size(), 3U);
  EXPECT_EQ(cached().size(), 3U);
}

TEST_F(ImageFolder, ADamagedPackedCopyIsReplaced) {
  const Dataset whole = read();
  const fs::path file = cached().at(0);
  const Bytes good = read_file(file, 1 << 20);
  for (std::size_t i = 0; i < good.size(); i += 5) {
    Bytes damaged = good;
    damaged[i] ^= 0x10U;
    put_bytes(file, damaged);
    EXPECT_EQ(read().digest(), whole.digest()) << i;
    EXPECT_EQ(read_file(file, 1 << 20), good) << i;
  }
  put_bytes(file, {});
  EXPECT_EQ(read().digest(), whole.digest());
}

TEST_F(ImageFolder, WhatIsNoPictureIsNamed) {
  put_bytes(root_ / "train/dog/notes.txt", to_bytes("x"));
  EXPECT_THAT(refusal(), HasSubstr("notes.txt: expected only .png, .jpg and .jpeg"));
  fs::remove(root_ / "train/dog/notes.txt");
  put_bytes(root_ / "train/dog/3.jpg", to_bytes("no picture"));
  EXPECT_THAT(refusal(), HasSubstr("3.jpg: expected a PNG or a JPEG"));
  fs::remove(root_ / "train/dog/3.jpg");
  fs::create_symlink(root_ / "train/cat/b.png", root_ / "train/dog/link.png");
  EXPECT_THAT(refusal(), HasSubstr("link.png: is a symbolic link, which is not followed"));
  fs::remove(root_ / "train/dog/link.png");
  fs::create_directory_symlink(root_ / "train/cat", root_ / "train/eel");
  EXPECT_THAT(refusal(), HasSubstr("eel: is a symbolic link"));
}

TEST_F(ImageFolder, PartsMustHaveTheSameClasses) {
  put("test/eel/x.png", 1);
  EXPECT_THAT(refusal(ErrorKind::bad_data, "test"), HasSubstr("expected the 2 classes of"));
  EXPECT_THAT(refusal(ErrorKind::missing, "valid"), HasSubstr("ROOT/train/CLASS/"));
  fs::remove_all(root_ / "train/dog");
  EXPECT_THAT(refusal(), HasSubstr("expected folders for 2 to 1000 classes, found 1"));
}

TEST_F(ImageFolder, LimitsHold) {
  options_.content_bytes = 11;  // three images of four bytes
  EXPECT_THAT(refusal(), HasSubstr("choose a smaller side"));
  options_.content_bytes = 12;
  EXPECT_EQ(read().count, 3);
  options_.channels = 2;
  refusal(ErrorKind::usage);
}

TEST_F(ImageFolder, IsADataSetOfTheCatalog) {
  DataConfig config;
  config.name = "folder";
  EXPECT_EQ(error_of([&] { load_train_valid(config); }).kind(), ErrorKind::usage);
  config.data_dir = root_;
  config.folder = options_;
  config.split.valid_count = 1;
  EXPECT_EQ(load_train_valid(config).train.count(), 2);
  EXPECT_EQ(load_test(config).data().name, "folder");
  EXPECT_TRUE(check_dataset(config).ok());
  put_bytes(root_ / "test/dog/x.png", {});
  EXPECT_THAT(check_dataset(config).problem, HasSubstr("dog/x.png"));
}

}  // namespace
}  // namespace bnas
