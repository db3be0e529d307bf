// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/data/catalog.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <functional>
#include <optional>

#include "bnas/core/data/idx.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/io/byte_source.hpp"
#include "bnas/core/io/sha256.hpp"

namespace bnas {
namespace {

namespace fs = std::filesystem;

// One file of a published set: its name without .gz and the SHA-256 of its uncompressed content.
struct KnownFile {
  const char* name;
  const char* sha256;
};

struct KnownSet {
  const char* name;
  const char* description;
  const char* how_to_get;
  KnownFile train_images;
  KnownFile train_labels;
  KnownFile test_images;
  KnownFile test_labels;

  std::array<const KnownFile*, 4> files() const { return {&train_images, &train_labels, &test_images, &test_labels}; }
};

constexpr int kKnownClasses = 10;
constexpr const char* kIdx = "idx";
constexpr const char* kSynthetic = "synthetic";

// The digests of Fashion-MNIST are those of Debian's package 0.0~git20200523; those of MNIST belong to files whose MD5
// sums are the published ones.
constexpr std::array<KnownSet, 2> kKnownSets = {
    {{"fashion-mnist",
      "60,000 + 10,000 grey images 28x28 of 10 kinds of clothing (Xiao, Rasul, Vollgraf 2017)",
      "install the Debian package dataset-fashion-mnist (apt-get install dataset-fashion-mnist)",
      {"train-images-idx3-ubyte", "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"},
      {"train-labels-idx1-ubyte", "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"},
      {"t10k-images-idx3-ubyte", "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"},
      {"t10k-labels-idx1-ubyte", "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"}},
     {"mnist",
      "60,000 + 10,000 grey images 28x28 of handwritten digits (LeCun, Cortes, Burges)",
      "put its four IDX files, plain or .gz, into $BNAS_DATA_DIR/mnist or into the folder that data_dir names",
      {"train-images-idx3-ubyte", "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
      {"train-labels-idx1-ubyte", "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
      {"t10k-images-idx3-ubyte", "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
      {"t10k-labels-idx1-ubyte", "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}}}};

const KnownSet* find_known(const std::string& name) {
  for (const KnownSet& set : kKnownSets) {
    if (name == set.name) {
      return &set;
    }
  }
  return nullptr;
}

[[noreturn]] void throw_unknown(const std::string& name) {
  std::vector<std::string> names;
  for (const KnownSet& set : kKnownSets) {
    names.emplace_back(set.name);
  }
  names.emplace_back(kIdx);
  names.emplace_back(kSynthetic);
  const std::string nearest = nearest_name(name, names.data(), names.data() + names.size());
  throw Error(ErrorKind::usage,
              fmt::format("unknown data set '{}'{}. Known are {}", name,
                          nearest.empty() ? "" : "; did you mean '" + nearest + "'?", fmt::join(names, ", ")));
}

// The file under `directory`, plain or with .gz.
std::optional<fs::path> find_file(const fs::path& directory, const char* name) {
  for (const char* suffix : {"", ".gz"}) {
    const fs::path path = directory / (std::string(name) + suffix);
    std::error_code error;
    if (fs::is_regular_file(path, error)) {
      return path;
    }
  }
  return std::nullopt;
}

std::vector<fs::path> search_directories(const std::string& name, const fs::path& data_dir) {
  std::vector<fs::path> directories;
  if (!data_dir.empty()) {
    std::error_code error;
    if (!fs::is_directory(data_dir, error)) {
      throw Error(ErrorKind::missing, fmt::format("data_dir {} is not a directory", data_dir.string()));
    }
    directories = {data_dir / name, data_dir};
  }
  if (const char* dir = std::getenv("BNAS_DATA_DIR"); dir != nullptr && *dir != '\0') {
    directories.push_back(fs::path(dir) / name);
  }
  directories.push_back(fs::path("/usr/share/datasets") / name);
  return directories;
}

// The first directory with any of the set's files: one that lacks some is an error, not passed over.
std::optional<fs::path> find_directory(const KnownSet& set, const fs::path& data_dir) {
  for (const fs::path& directory : search_directories(set.name, data_dir)) {
    for (const KnownFile* file : set.files()) {
      if (find_file(directory, file->name)) {
        return directory;
      }
    }
  }
  return std::nullopt;
}

fs::path require_file(const KnownSet& set, const fs::path& directory, const KnownFile& file) {
  const std::optional<fs::path> path = find_file(directory, file.name);
  if (!path) {
    throw Error(ErrorKind::missing, fmt::format("{} in {} is incomplete: neither {} nor {}.gz is there; to mend it, {}",
                                                set.name, directory.string(), file.name, file.name, set.how_to_get));
  }
  return *path;
}

IdxPaths locate(const KnownSet& set, const fs::path& data_dir) {
  const std::optional<fs::path> directory = find_directory(set, data_dir);
  if (!directory) {
    std::vector<std::string> searched;
    for (const fs::path& place : search_directories(set.name, data_dir)) {
      searched.push_back(place.string());
    }
    throw Error(ErrorKind::missing, fmt::format("data set {} was not found in {}; to get it, {}", set.name,
                                                fmt::join(searched, ", "), set.how_to_get));
  }
  return {require_file(set, *directory, set.train_images), require_file(set, *directory, set.train_labels),
          require_file(set, *directory, set.test_images), require_file(set, *directory, set.test_labels),
          kKnownClasses};
}

// The files of a set that has some.
IdxPaths paths_of(const DataConfig& config) {
  if (config.name == kIdx) {
    return config.idx;
  }
  const KnownSet* set = find_known(config.name);
  if (set == nullptr) {
    throw_unknown(config.name);
  }
  return locate(*set, config.data_dir);
}

// SHA-256 of the uncompressed content, at most as much as any set here has.
std::string content_sha256(const fs::path& path) {
  constexpr std::uint64_t kMaxContent = std::uint64_t{1} << 31U;
  const std::unique_ptr<ByteSource> source = open_byte_source(path);
  Sha256 digest;
  std::vector<std::uint8_t> chunk(1 << 16);
  std::uint64_t total = 0;
  std::size_t got = 0;
  do {
    got = source->read(chunk);
    digest.update(std::span(chunk).first(got));
    total += got;
  } while (got == chunk.size() && total <= kMaxContent);
  if (total > kMaxContent) {
    throw Error(ErrorKind::bad_data,
                fmt::format("{}: expected at most {} bytes, found more", path.string(), kMaxContent));
  }
  return digest.hex();
}

// All known sets use the same file names: another set's labels show that data_dir names the wrong folder.
void refuse_other_set(const std::string& name, const fs::path& labels) {
  const std::string digest = content_sha256(labels);
  for (const KnownSet& set : kKnownSets) {
    if (name != set.name && (digest == set.train_labels.sha256 || digest == set.test_labels.sha256)) {
      throw Error(ErrorKind::bad_data, fmt::format("{} belongs to {}, expected {}", labels.string(), set.name, name));
    }
  }
}

Dataset load_pair(const DataConfig& config, const fs::path& images, const fs::path& labels, int classes) {
  if (images.empty() || labels.empty()) {
    throw Error(ErrorKind::usage, "data set idx needs the paths of its images and of its labels");
  }
  if (config.name != kIdx) {
    refuse_other_set(config.name, labels);
  }
  Dataset data = read_idx(images, labels, classes);
  data.name = config.name;
  return data;
}

Dataset load_train_file(const DataConfig& config) {
  if (config.name == kSynthetic) {
    return make_synthetic_train(config.synthetic);
  }
  const IdxPaths paths = paths_of(config);
  return load_pair(config, paths.train_images, paths.train_labels, paths.classes);
}

Dataset load_test_file(const DataConfig& config) {
  if (config.name == kSynthetic) {
    return make_synthetic_test(config.synthetic);
  }
  const IdxPaths paths = paths_of(config);
  return load_pair(config, paths.test_images, paths.test_labels, paths.classes);
}

DatasetFileReport check_file(const fs::path& path, const std::string& expected_sha256) {
  DatasetFileReport report{path, expected_sha256, {}, {}};
  try {
    report.found_sha256 = content_sha256(path);
    if (!expected_sha256.empty() && report.found_sha256 != expected_sha256) {
      report.problem = "the content is not the published one";
    }
  } catch (const Error& error) {
    report.problem = error.what();
  }
  return report;
}

}  // namespace

TrainValid load_train_valid(const DataConfig& config) { return split(load_train_file(config), config.split); }

Test load_test(const DataConfig& config) { return Test(load_test_file(config)); }

std::vector<DatasetInfo> list_datasets(const fs::path& data_dir) {
  std::vector<DatasetInfo> list;
  for (const KnownSet& set : kKnownSets) {
    const std::optional<fs::path> directory = find_directory(set, data_dir);
    bool complete = directory.has_value();
    for (const KnownFile* file : set.files()) {
      complete = complete && find_file(*directory, file->name);
    }
    list.push_back({set.name, set.description, directory.value_or(fs::path()), complete, set.how_to_get});
  }
  list.push_back(
      {kIdx, "any pair of IDX files, plain or .gz, given by their paths", {}, true, "use files of your own"});
  list.push_back({kSynthetic, "made-up images of any size that a network can learn", {}, true, "needs no files"});
  return list;
}

bool DatasetReport::ok() const {
  bool fine = problem.empty();
  for (const DatasetFileReport& file : files) {
    fine = fine && file.problem.empty();
  }
  return fine;
}

DatasetReport check_dataset(const DataConfig& config) {
  DatasetReport report;
  report.name = config.name;
  if (config.name != kSynthetic) {
    const IdxPaths paths = paths_of(config);
    const KnownSet* set = find_known(config.name);
    const auto known = [&](KnownFile KnownSet::*file) { return set == nullptr ? "" : (set->*file).sha256; };
    report.files = {check_file(paths.train_images, known(&KnownSet::train_images)),
                    check_file(paths.train_labels, known(&KnownSet::train_labels)),
                    check_file(paths.test_images, known(&KnownSet::test_images)),
                    check_file(paths.test_labels, known(&KnownSet::test_labels))};
  }
  try {
    const Dataset train = load_train_file(config);
    const Dataset test = load_test_file(config);
    report.train_histogram = train.histogram();
    report.test_histogram = test.histogram();
    if (train.height != test.height || train.width != test.width) {
      report.problem = fmt::format("training images are {}x{}, test images {}x{}", train.height, train.width,
                                   test.height, test.width);
    }
  } catch (const Error& error) {
    report.problem = error.what();
  }
  return report;
}

}  // namespace bnas
