// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <set>
#include <type_traits>

#include "bnas/core/backend.hpp"
#include "bnas/core/data/catalog.hpp"
#include "bnas/core/data/epoch_order.hpp"
#include "core/file_helpers.hpp"

namespace bnas {
namespace {

using ::testing::HasSubstr;

// A Test is no Train and no bare Dataset becomes either unasked.
static_assert(!std::is_convertible_v<Test, Train> && !std::is_constructible_v<Train, Test>);
static_assert(!std::is_convertible_v<Test, Valid> && !std::is_constructible_v<Valid, Test>);
static_assert(!std::is_convertible_v<Valid, Train> && !std::is_convertible_v<Dataset, Test>);

// Image i is the byte i, so that rows can be recognized.
Dataset numbered(std::int64_t count) {
  Dataset data;
  data.name = "numbered";
  data.count = count;
  data.height = data.width = 1;
  data.classes = 10;
  for (std::int64_t i = 0; i < count; ++i) {
    data.pixels.push_back(static_cast<std::uint8_t>(i));
    data.labels.push_back(static_cast<std::int32_t>(i % 10));
  }
  return data;
}

DataConfig synthetic(std::int64_t train, std::int64_t test) {
  DataConfig config;
  config.name = "synthetic";
  config.synthetic.train_count = train;
  config.synthetic.test_count = test;
  config.split.valid_count = train / 5;
  return config;
}

TEST(Permutation, IsOneAndDependsOnEveryPartOfTheKey) {
  const EpochOrder order(1, 2, 3, 1000);
  std::vector<std::int32_t> rows(order.rows().begin(), order.rows().end());
  for (const EpochOrder& other : {EpochOrder(2, 2, 3, 1000), EpochOrder(1, 3, 3, 1000), EpochOrder(1, 2, 4, 1000)}) {
    EXPECT_FALSE(std::ranges::equal(other.rows(), rows));
  }
  EXPECT_TRUE(std::ranges::equal(EpochOrder(1, 2, 3, 1000).rows(), rows));
  std::sort(rows.begin(), rows.end());
  std::vector<std::int32_t> all(1000);
  std::iota(all.begin(), all.end(), 0);
  EXPECT_EQ(rows, all);
}

// All 24 orders of 4 items, 24,000 draws: chi-squared with 23 degrees of freedom stays below 49.7 with probability
// 0.999.
TEST(Permutation, IsUniform) {
  std::map<std::vector<std::int32_t>, int> counts;
  for (std::uint64_t draw = 0; draw < 24'000; ++draw) {
    ++counts[random_permutation(RandomKey{5, draw, RandomPurpose::shuffle}, 4)];
  }
  ASSERT_EQ(counts.size(), 24U);
  double chi_squared = 0;
  for (const auto& [order, count] : counts) {
    chi_squared += (count - 1000.0) * (count - 1000.0) / 1000.0;
  }
  EXPECT_LT(chi_squared, 49.7);
}

TEST(Split, PartsShareNoRowAndKeepTheirLabels) {
  SplitOptions options;
  options.valid_count = 30;
  const TrainValid parts = split(numbered(200), options);
  EXPECT_EQ(parts.train.count(), 170);
  EXPECT_EQ(parts.valid.count(), 30);
  std::set<int> seen;
  for (const Dataset* part : {&parts.train.data(), &parts.valid.data()}) {
    for (std::size_t i = 0; i < part->pixels.size(); ++i) {
      EXPECT_TRUE(seen.insert(part->pixels[i]).second);
      EXPECT_EQ(part->labels[i], part->pixels[i] % 10);
    }
  }
  EXPECT_EQ(seen.size(), 200U);
}

TEST(Split, IsSeededAndRecorded) {
  SplitOptions options;
  options.valid_count = 30;
  const TrainValid one = split(numbered(200), options);
  EXPECT_EQ(split(numbered(200), options).record, one.record);
  EXPECT_THAT(one.record, HasSubstr("numbered: 170 train, 30 valid of 200; split shuffled, seed 1; images sha256 "));
  Dataset other_images = numbered(200);
  other_images.pixels[7] ^= 1U;
  EXPECT_NE(split(other_images, options).record, one.record);
  options.seed = 2;
  const TrainValid two = split(numbered(200), options);
  EXPECT_NE(two.record, one.record);
  EXPECT_NE(two.valid.data().pixels, one.valid.data().pixels);
}

TEST(Split, FirstTakesTheFirstRows) {
  SplitOptions options;
  options.valid_count = 3;
  options.mode = parse_split_mode("first");
  const TrainValid parts = split(numbered(10), options);
  EXPECT_EQ(parts.valid.data().pixels, (std::vector<std::uint8_t>{0, 1, 2}));
  EXPECT_EQ(parts.train.data().pixels, (std::vector<std::uint8_t>{3, 4, 5, 6, 7, 8, 9}));
  EXPECT_EQ(error_of([] { parse_split_mode("last"); }).kind(), ErrorKind::usage);
}

TEST(Split, SmallerLimitTakesASubset) {
  for (const SplitMode mode : {SplitMode::shuffled, SplitMode::first}) {
    SplitOptions options;
    options.valid_count = 20;
    options.mode = mode;
    const auto all = split(numbered(200), options).valid.data().pixels;
    options.max_train_images = 50;
    const TrainValid large = split(numbered(200), options);
    options.max_train_images = 10;
    const TrainValid small = split(numbered(200), options);
    EXPECT_EQ(large.train.count(), 50);
    EXPECT_EQ(small.train.count(), 10);
    EXPECT_TRUE(std::ranges::includes(large.train.data().pixels, small.train.data().pixels));
    EXPECT_EQ(large.valid.data().pixels, all);
    options.max_train_images = 1000;
    EXPECT_EQ(split(numbered(200), options).train.count(), 180);
  }
}

TEST(Split, OnlyTrainingImagesAreExpanded) {
  DataConfig config = synthetic(50, 10);
  const TrainValid plain = load_train_valid(config);
  config.expand.copies = 4;
  const TrainValid parts = load_train_valid(config);
  EXPECT_EQ(parts.train.count(), 5 * plain.train.count());
  EXPECT_EQ(parts.valid.data().digest(), plain.valid.data().digest());
  EXPECT_TRUE(std::ranges::equal(parts.train.data().image(5), plain.train.data().image(1)));
  EXPECT_THAT(parts.record, HasSubstr("expanded to 200 train, 15 degrees, 2 pixels"));
}

TEST(Split, AllImagesMayBeForTraining) {
  SplitOptions options;
  options.valid_count = 0;
  for (const SplitMode mode : {SplitMode::shuffled, SplitMode::first}) {
    options.mode = mode;
    const TrainValid parts = split(numbered(20), options);
    EXPECT_EQ(parts.train.data().digest(), numbered(20).digest());
    EXPECT_EQ(parts.valid.count(), 0);
  }
}

TEST(Split, EmptyPartsAreRefused) {
  for (const auto& [valid, limit] : {std::pair(11, 0), std::pair(10, 0), std::pair(-1, 0), std::pair(5, -1)}) {
    SplitOptions options;
    options.valid_count = valid;
    options.max_train_images = limit;
    EXPECT_EQ(error_of([&] { split(numbered(10), options); }).kind(), ErrorKind::usage);
  }
}

// Nearest prototype, estimated as the class means of the training images, must tell the test images apart.
TEST(Synthetic, CanBeLearned) {
  const DataConfig config = synthetic(1000, 300);
  const TrainValid parts = load_train_valid(config);
  const Dataset& train = parts.train.data();
  const bnas::Test test = load_test(config);
  const auto pixels = static_cast<std::size_t>(train.image_bytes());
  std::vector<std::vector<double>> means(10, std::vector<double>(pixels));
  const std::vector<std::int64_t> counts = train.histogram();
  for (std::int64_t i = 0; i < train.count; ++i) {
    const auto label = static_cast<std::size_t>(train.labels[static_cast<std::size_t>(i)]);
    for (std::size_t p = 0; p < pixels; ++p) {
      means[label][p] += train.image(i)[p] / static_cast<double>(counts[label]);
    }
  }
  int right = 0;
  for (std::int64_t i = 0; i < test.count(); ++i) {
    std::vector<double> distance(10);
    for (std::size_t label = 0; label < 10; ++label) {
      for (std::size_t p = 0; p < pixels; ++p) {
        distance[label] += std::abs(test.data().image(i)[p] - means[label][p]);
      }
    }
    const auto nearest = std::min_element(distance.begin(), distance.end()) - distance.begin();
    right += nearest == test.data().labels[static_cast<std::size_t>(i)] ? 1 : 0;
  }
  EXPECT_GT(right, 290);
}

TEST(Synthetic, IsSeededAndOfAnySize) {
  SyntheticSpec spec;
  spec.train_count = 20;
  spec.test_count = 20;
  spec.height = 5;
  spec.width = 1;
  spec.channels = 3;
  spec.classes = 2;
  const Dataset one = make_synthetic_train(spec);
  EXPECT_EQ(one.pixels.size(), 20U * 15U);
  EXPECT_EQ(make_synthetic_train(spec).digest(), one.digest());
  EXPECT_NE(make_synthetic_test(spec).pixels, one.pixels);
  spec.seed = 2;
  EXPECT_NE(make_synthetic_train(spec).pixels, one.pixels);
  spec.noise = 256;
  EXPECT_EQ(error_of([&] { make_synthetic_train(spec); }).kind(), ErrorKind::usage);
  spec.noise = 0;
  spec.train_count = std::int64_t{1} << 40U;
  EXPECT_EQ(error_of([&] { make_synthetic_train(spec); }).kind(), ErrorKind::usage);
}

TEST(Dataset, Upload) {
  const Dataset data = numbered(5);
  const auto stream = backend_for({}).make_stream();
  const DeviceImages device = upload(*stream, data);
  EXPECT_EQ(device.images.shape(), (Shape{5, 1, 1, 1}));
  EXPECT_EQ(device.images.dtype(), DType::u8);
  EXPECT_EQ(device.labels.dtype(), DType::i32);
  EXPECT_EQ(device.classes, 10);
  stream->synchronize();
  EXPECT_TRUE(std::equal(data.pixels.begin(), data.pixels.end(), device.images.data<std::uint8_t>()));
  EXPECT_TRUE(std::equal(data.labels.begin(), data.labels.end(), device.labels.data<std::int32_t>()));
}

TEST(Catalog, UnknownNameSaysTheNearest) {
  DataConfig config;
  config.name = "fashion_mnist";
  const Error error = error_of([&] { load_train_valid(config); });
  EXPECT_EQ(error.kind(), ErrorKind::usage);
  EXPECT_THAT(error.what(), HasSubstr("did you mean 'fashion-mnist'"));
}

TEST(Catalog, MissingAndIncompleteSetsSayHowToGetThem) {
  const TestDirectory directory;
  DataConfig config;
  config.name = "fashion-mnist";
  config.data_dir = directory / "absent";
  EXPECT_EQ(error_of([&] { load_train_valid(config); }).kind(), ErrorKind::missing);
  config.data_dir = directory.path();
  put_bytes(directory / "train-labels-idx1-ubyte", {});
  const Error error = error_of([&] { load_train_valid(config); });
  EXPECT_EQ(error.kind(), ErrorKind::missing);
  EXPECT_THAT(error.what(), HasSubstr("dataset-fashion-mnist"));
  EXPECT_THAT(error.what(), HasSubstr("train-images-idx3-ubyte"));
}

TEST(Catalog, ListTellsWhatIsThere) {
  const TestDirectory directory;
  std::filesystem::create_directory(directory / "mnist");
  for (const char* part : {"train-images-idx3", "train-labels-idx1", "t10k-images-idx3"}) {
    put_bytes(directory / (std::string("mnist/") + part + "-ubyte.gz"), {});
  }
  const auto mnist = [&] { return list_datasets(directory.path()).at(1); };
  EXPECT_EQ(mnist().name, "mnist");
  EXPECT_EQ(mnist().directory, directory / "mnist");
  EXPECT_FALSE(mnist().available);
  put_bytes(directory / "mnist/t10k-labels-idx1-ubyte", {});
  EXPECT_TRUE(mnist().available);
}

// A damaged copy of a known set is told from the published one, and damage is reported with its file.
TEST(Catalog, CheckFindsDamage) {
  const TestDirectory directory;
  const auto idx = [](const Bytes& header, std::size_t zeros) {
    Bytes bytes = header;
    bytes.resize(bytes.size() + zeros);
    return bytes;
  };
  const Bytes images = idx({0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0, 2}, 8);
  put_bytes(directory / "train-images-idx3-ubyte", images);
  put_bytes(directory / "t10k-images-idx3-ubyte", images);
  put_bytes(directory / "train-labels-idx1-ubyte", idx({0, 0, 8, 1, 0, 0, 0, 2}, 2));
  put_bytes(directory / "t10k-labels-idx1-ubyte", idx({0, 0, 8, 1, 0, 0, 0, 2}, 1));
  DataConfig config;
  config.data_dir = directory.path();
  const DatasetReport known = check_dataset(config);
  EXPECT_FALSE(known.ok());
  ASSERT_EQ(known.files.size(), 4U);
  EXPECT_THAT(known.files[0].problem, HasSubstr("not the published one"));
  EXPECT_THAT(known.problem, HasSubstr("t10k-labels-idx1-ubyte"));
  config.name = "idx";
  config.idx = {directory / "train-images-idx3-ubyte", directory / "train-labels-idx1-ubyte",
                directory / "t10k-images-idx3-ubyte", directory / "train-labels-idx1-ubyte", 10};
  const DatasetReport own = check_dataset(config);
  EXPECT_TRUE(own.ok()) << own.problem;
  EXPECT_EQ(own.train_histogram[0], 2);
  config.split.valid_count = 1;
  EXPECT_EQ(load_train_valid(config).train.count(), 1);
  config.idx.test_images.clear();
  EXPECT_EQ(error_of([&] { load_test(config); }).kind(), ErrorKind::usage);
}

TEST(Catalog, FashionMnist) {
  DataConfig config;
  const DatasetInfo info = list_datasets().at(0);
  ASSERT_EQ(info.name, config.name);
  if (!info.available) {
    GTEST_SKIP() << "no Fashion-MNIST here: " << info.how_to_get;
  }
  const DatasetReport report = check_dataset(config);
  EXPECT_TRUE(report.ok()) << report.problem;
  EXPECT_EQ(report.train_histogram, std::vector<std::int64_t>(10, 6'000));
  EXPECT_EQ(report.test_histogram, std::vector<std::int64_t>(10, 1'000));
  config.split.max_train_images = 100;
  const TrainValid parts = load_train_valid(config);
  EXPECT_EQ(parts.train.count(), 100);
  EXPECT_EQ(parts.valid.count(), 5'000);
  EXPECT_EQ(parts.valid.data().height, 28);
  // The same files under another set's name.
  config.name = "mnist";
  config.data_dir = report.files[0].path.parent_path();
  const Error error = error_of([&] { load_train_valid(config); });
  EXPECT_EQ(error.kind(), ErrorKind::bad_data);
  EXPECT_THAT(error.what(), HasSubstr("belongs to fashion-mnist, expected mnist"));
}

TEST(Catalog, Mnist) {
  DataConfig config;
  config.name = "mnist";
  const DatasetInfo info = list_datasets().at(1);
  ASSERT_EQ(info.name, config.name);
  if (!info.available) {
    GTEST_SKIP() << "no MNIST here: " << info.how_to_get;
  }
  const DatasetReport report = check_dataset(config);
  EXPECT_TRUE(report.ok()) << report.problem;
  // Counts of the digits 0 to 9, as published with the set.
  EXPECT_EQ(report.train_histogram,
            (std::vector<std::int64_t>{5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949}));
}

}  // namespace
}  // namespace bnas
