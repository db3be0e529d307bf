// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "bnas/core/data/published_sets.hpp"
#include "bnas/core/io/file.hpp"

namespace bnas::cli {

/// The content at a URL, at most so long; an Error says why it could not be had.
using Download = std::function<Bytes(const std::string& url, std::uint64_t max_bytes)>;

/// Members of a .tar.gz by the names of `files`, whatever folders stand before them. A `bad_data` Error for a damaged
/// archive, for a member that is not there or whose content is not the published one.
std::vector<Bytes> unpack(const Bytes& archive, const std::vector<PublishedFile>& files, const std::string& source);

/// Puts the files of `set` into `directory`, each replaced atomically once it is known to be the published one. For
/// each file the mirrors are tried in turn, those in `mirrors` (folders) before the set's own; whatever does not come,
/// or is not the pinned bytes, goes to `on_problem`. When no mirror has it, a `missing` Error says so and where to put
/// the files by hand.
void fetch_dataset(const PublishedSet& set, const std::filesystem::path& directory,
                   const std::vector<std::string>& mirrors, const Download& download,
                   const std::function<void(const std::string&)>& on_problem);

/// Where a set goes: below `data_dir`, else $BNAS_DATA_DIR, else data_home(); a `usage` Error where none is given.
std::filesystem::path fetch_directory(const PublishedSet& set, const std::filesystem::path& data_dir);

}  // namespace bnas::cli
