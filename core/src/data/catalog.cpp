// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/data/catalog.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <optional>

#include "bnas/core/data/cifar.hpp"
#include "bnas/core/data/idx.hpp"
#include "bnas/core/data/published_sets.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/io/byte_source.hpp"
#include "bnas/core/io/sha256.hpp"

namespace bnas {
namespace {

namespace fs = std::filesystem;

constexpr const char* kFolder = "folder";
constexpr const char* kIdx = "idx";
constexpr const char* kSynthetic = "synthetic";

// $variable/bnas, else ~/below_home/bnas (the XDG base directories), else empty.
fs::path user_directory(const char* variable, const char* below_home) {
  if (const char* xdg = std::getenv(variable); xdg != nullptr && *xdg == '/') {
    return fs::path(xdg) / "bnas";
  }
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/') {
    return fs::path(home) / below_home / "bnas";
  }
  return {};
}

enum class PartName : std::uint8_t { train, test };

const std::vector<PublishedFile>& files_of(const PublishedSet& set, PartName part) {
  return part == PartName::train ? set.train : set.test;
}

std::vector<PublishedFile> all_files(const PublishedSet& set) {
  std::vector<PublishedFile> files = set.train;
  files.insert(files.end(), set.test.begin(), set.test.end());
  return files;
}

const PublishedSet& require_known(const std::string& name) {
  if (const PublishedSet* set = find_published_set(name)) {
    return *set;
  }
  std::vector<std::string> names;
  for (const PublishedSet& set : published_sets()) {
    names.push_back(set.name);
  }
  names.insert(names.end(), {kFolder, kIdx, kSynthetic});
  const std::string nearest = nearest_name(name, names.data(), names.data() + names.size());
  throw Error(ErrorKind::usage,
              fmt::format("unknown data set '{}'{}. Known are {}", name,
                          nearest.empty() ? "" : "; did you mean '" + nearest + "'?", fmt::join(names, ", ")));
}

// The file under `directory`, plain or compressed.
std::optional<fs::path> find_file(const fs::path& directory, const std::string& name) {
  for (const char* suffix : {"", ".gz", ".xz"}) {
    const fs::path path = directory / (name + suffix);
    std::error_code error;
    if (fs::is_regular_file(path, error)) {
      return path;
    }
  }
  return std::nullopt;
}

std::vector<fs::path> search_directories(const PublishedSet& set, const fs::path& data_dir) {
  std::vector<fs::path> directories;
  const auto add = [&](const fs::path& parent) {
    for (const std::string& folder : set.folders) {
      directories.push_back(parent / folder);
    }
  };
  if (!data_dir.empty()) {
    std::error_code error;
    if (!fs::is_directory(data_dir, error)) {
      throw Error(ErrorKind::missing, fmt::format("data_dir {} is not a directory", data_dir.string()));
    }
    add(data_dir);
    directories.push_back(data_dir);
  }
  if (const char* dir = std::getenv("BNAS_DATA_DIR"); dir != nullptr && *dir != '\0') {
    add(dir);
  }
  if (const fs::path home = data_home(); !home.empty()) {
    add(home);
  }
  add("/usr/share/datasets");
  return directories;
}

// The first directory with any of the set's files: one that lacks some is an error, not passed over.
std::optional<fs::path> find_directory(const PublishedSet& set, const fs::path& data_dir) {
  for (const fs::path& directory : search_directories(set, data_dir)) {
    for (const PublishedFile& file : all_files(set)) {
      if (find_file(directory, file.name)) {
        return directory;
      }
    }
  }
  return std::nullopt;
}

fs::path require_directory(const PublishedSet& set, const fs::path& data_dir) {
  if (const std::optional<fs::path> directory = find_directory(set, data_dir)) {
    return *directory;
  }
  std::vector<std::string> searched;
  for (const fs::path& place : search_directories(set, data_dir)) {
    searched.push_back(place.string());
  }
  throw Error(ErrorKind::missing, fmt::format("data set {} was not found in {}; to get it, {}", set.name,
                                              fmt::join(searched, ", "), set.how_to_get));
}

std::vector<fs::path> require_files(const PublishedSet& set, const fs::path& directory,
                                    const std::vector<PublishedFile>& files) {
  std::vector<fs::path> paths;
  for (const PublishedFile& file : files) {
    const std::optional<fs::path> path = find_file(directory, file.name);
    if (!path) {
      throw Error(ErrorKind::missing,
                  fmt::format("{} in {} is incomplete: {} (plain, .gz or .xz) is not there; to mend it, {}", set.name,
                              directory.string(), file.name, set.how_to_get));
    }
    paths.push_back(*path);
  }
  return paths;
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
                fmt::format("{}: expected at most {} bytes of content, found more", path.string(), kMaxContent));
  }
  return digest.hex();
}

// All IDX sets use the same file names: another set's labels show that data_dir names the wrong folder.
void refuse_other_set(const std::string& name, const fs::path& labels) {
  const std::string digest = content_sha256(labels);
  for (const PublishedSet& set : published_sets()) {
    for (const PublishedFile& file : all_files(set)) {
      if (name != set.name && digest == file.sha256) {
        throw Error(ErrorKind::bad_data, fmt::format("{} belongs to {}, expected {}", labels.string(), set.name, name));
      }
    }
  }
}

Dataset load_published(const DataConfig& config, PartName part) {
  const PublishedSet& set = require_known(config.name);
  const fs::path directory = require_directory(set, config.data_dir);
  require_files(set, directory, all_files(set));  // a set that lacks its test images is not noticed at the end
  const std::vector<fs::path> paths = require_files(set, directory, files_of(set, part));
  switch (set.format) {
    case SetFormat::idx:
      refuse_other_set(set.name, paths[1]);
      return read_idx(paths[0], paths[1], set.classes);
    case SetFormat::cifar10:
      return read_cifar(paths, CifarKind::cifar10);
    case SetFormat::cifar100:
      return read_cifar(paths, CifarKind::cifar100);
  }
  throw Error(ErrorKind::internal, "[load_published] unknown format");
}

Dataset load_idx(const IdxPaths& paths, PartName part) {
  const bool train = part == PartName::train;
  const fs::path& images = train ? paths.train_images : paths.test_images;
  const fs::path& labels = train ? paths.train_labels : paths.test_labels;
  if (images.empty() || labels.empty()) {
    throw Error(ErrorKind::usage, "data set idx needs the paths of its images and of its labels");
  }
  return read_idx(images, labels, paths.classes);
}

Dataset load_folder(const DataConfig& config, PartName part) {
  if (config.data_dir.empty()) {
    throw Error(ErrorKind::usage, "data set folder needs data_dir, which holds train/CLASS/ and test/CLASS/");
  }
  return read_image_folder(config.data_dir, part == PartName::train ? "train" : "test", config.folder);
}

Dataset load_part(const DataConfig& config, PartName part) {
  if (config.name == kSynthetic) {
    return part == PartName::train ? make_synthetic_train(config.synthetic) : make_synthetic_test(config.synthetic);
  }
  Dataset data = config.name == kFolder ? load_folder(config, part)
                 : config.name == kIdx  ? load_idx(config.idx, part)
                                        : load_published(config, part);
  data.name = config.name;
  return data;
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

// Of the sets whose files are known or named; pictures are too many to be listed, and are all decoded anyway.
std::vector<DatasetFileReport> check_files(const DataConfig& config) {
  std::vector<DatasetFileReport> reports;
  if (config.name == kIdx) {
    for (const fs::path& path :
         {config.idx.train_images, config.idx.train_labels, config.idx.test_images, config.idx.test_labels}) {
      reports.push_back(check_file(path, ""));
    }
  } else if (config.name != kSynthetic && config.name != kFolder) {
    const PublishedSet& set = require_known(config.name);
    const std::vector<PublishedFile> files = all_files(set);
    const std::vector<fs::path> paths = require_files(set, require_directory(set, config.data_dir), files);
    for (std::size_t i = 0; i < files.size(); ++i) {
      reports.push_back(check_file(paths[i], files[i].sha256));
    }
  }
  return reports;
}

}  // namespace

fs::path data_home() { return user_directory("XDG_DATA_HOME", ".local/share"); }
fs::path cache_home() { return user_directory("XDG_CACHE_HOME", ".cache"); }

TrainValid load_train_valid(const DataConfig& config) {
  TrainValid parts = split(load_part(config, PartName::train), config.split);
  if (config.expand.copies > 0) {
    parts.train = Train(expanded(parts.train.data(), config.expand, config.split.seed));
    parts.record +=
        fmt::format("; expanded to {} train, {} degrees, {} pixels{}", parts.train.count(), config.expand.rotation,
                    config.expand.shift, config.expand.lopsided ? ", lopsided" : "");
  }
  return parts;
}

Test load_test(const DataConfig& config) { return Test(load_part(config, PartName::test)); }

std::vector<DatasetInfo> list_datasets(const fs::path& data_dir) {
  std::vector<DatasetInfo> list;
  for (const PublishedSet& set : published_sets()) {
    const std::optional<fs::path> directory = find_directory(set, data_dir);
    bool complete = directory.has_value();
    for (const PublishedFile& file : all_files(set)) {
      complete = complete && find_file(*directory, file.name);
    }
    list.push_back({set.name, set.description, directory.value_or(fs::path()), complete, set.how_to_get});
  }
  list.push_back({kFolder, "PNG and JPEG pictures in train/CLASS/ and test/CLASS/", {}, true, "use files of your own"});
  list.push_back(
      {kIdx, "any pair of IDX files, plain, .gz or .xz, given by their paths", {}, true, "use files of your own"});
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
  report.files = check_files(config);
  try {
    const Dataset train = load_part(config, PartName::train);
    const Dataset test = load_part(config, PartName::test);
    report.train_histogram = train.histogram();
    report.test_histogram = test.histogram();
    if (train.height != test.height || train.width != test.width) {
      report.problem = fmt::format("training images are {}x{}, test images {}x{}", train.height, train.width,
                                   test.height, test.width);
    }
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::missing || error.kind() == ErrorKind::usage) {
      throw;
    }
    report.problem = error.what();
  }
  return report;
}

}  // namespace bnas
