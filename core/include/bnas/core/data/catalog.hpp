// SPDX-License-Identifier: Apache-2.0
// Data sets by name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "bnas/core/data/dataset.hpp"
#include "bnas/core/data/expand.hpp"
#include "bnas/core/data/image_folder.hpp"
#include "bnas/core/data/split.hpp"
#include "bnas/core/data/synthetic.hpp"

namespace bnas {

/// The files of a set named `idx`; the test pair is needed by load_test only.
struct IdxPaths {
  std::filesystem::path train_images;
  std::filesystem::path train_labels;
  std::filesystem::path test_images;
  std::filesystem::path test_labels;
  int classes = 10;
};

/// Which images to use.
struct DataConfig {
  /// A published set ("fashion-mnist", "mnist", "cifar-10", "cifar-100"), "folder" (pictures below data_dir), "idx" (by
  /// `idx`) or "synthetic" (by `synthetic`).
  std::string name = "fashion-mnist";
  /// Where to look first for a published set: in its folder, then there itself. After it $BNAS_DATA_DIR,
  /// data_home() and /usr/share/datasets. For "folder" the ROOT of read_image_folder().
  std::filesystem::path data_dir;
  IdxPaths idx;
  ImageFolderOptions folder;
  SyntheticSpec synthetic;
  SplitOptions split;
  ExpandRule expand;  ///< of the training images that the split leaves, by the split's seed
};

/// Training and validation images, both from the training file. `missing` when the set is not there (says how to get
/// it), `bad_data` when a file is damaged, `usage` for an unknown name.
TrainValid load_train_valid(const DataConfig& config);

/// The test images: for the final evaluation only.
Test load_test(const DataConfig& config);

/// Where fetched sets go unless told otherwise: $XDG_DATA_HOME/bnas or ~/.local/share/bnas; empty when neither variable
/// is set.
std::filesystem::path data_home();
/// Where packed copies of pictures go: $XDG_CACHE_HOME/bnas or ~/.cache/bnas; empty when neither variable is set.
std::filesystem::path cache_home();

/// A line of the list of data sets.
struct DatasetInfo {
  std::string name;
  std::string description;
  std::filesystem::path directory;  ///< where its files were found; empty: nowhere, or it has none
  bool available = false;           ///< can be loaded now (`idx`: given files of your own)
  std::string how_to_get;
};

std::vector<DatasetInfo> list_datasets(const std::filesystem::path& data_dir = {});

/// What is known of one file of a set.
struct DatasetFileReport {
  std::filesystem::path path;
  std::string expected_sha256;  ///< of the uncompressed content; empty: none is known
  std::string found_sha256;     ///< empty: not readable
  std::string problem;          ///< empty: as expected
};

struct DatasetReport {
  std::string name;
  std::vector<DatasetFileReport> files;
  std::vector<std::int64_t> train_histogram;  ///< images per class; empty where the files could not be read
  std::vector<std::int64_t> test_histogram;
  std::string problem;  ///< of the set as a whole; empty: none

  bool ok() const;
};

/// Reads all of a set and compares it with the published content where that is known. A set that is not there or an
/// unknown name throws as load_train_valid does; damage is reported, not thrown.
DatasetReport check_dataset(const DataConfig& config);

}  // namespace bnas
