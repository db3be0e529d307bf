// SPDX-License-Identifier: Apache-2.0
// The data sets that are known by name: what files they have, what is in them, where they come from.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bnas {

enum class SetFormat : std::uint8_t { idx, cifar10, cifar100 };

/// One file of a published set, by its name without .gz or .xz.
struct PublishedFile {
  std::string name;
  std::string sha256;  ///< of the uncompressed content
};

/// One file to download: a compressed file of the set, or an archive (.tar.gz) that holds all of them.
struct PublishedDownload {
  std::string name;
  std::uint64_t bytes = 0;
  std::string sha256;             ///< of the file as it is downloaded
  std::vector<std::string> urls;  ///< mirrors, in the order in which they are tried
};

struct PublishedSet {
  std::string name;
  std::string description;
  std::string how_to_get;
  SetFormat format = SetFormat::idx;
  int classes = 10;
  std::vector<std::string> folders;  ///< names of directories that may hold its files
  std::vector<PublishedFile> train;  ///< idx: images, labels; cifar: batches in order
  std::vector<PublishedFile> test;
  std::vector<PublishedDownload> downloads;
};

std::span<const PublishedSet> published_sets();
/// The set of that name, nullptr where there is none.
const PublishedSet* find_published_set(const std::string& name);

}  // namespace bnas
