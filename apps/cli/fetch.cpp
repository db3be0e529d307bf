// SPDX-License-Identifier: Apache-2.0
#include "cli/fetch.hpp"

#include <archive.h>
#include <archive_entry.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>

#include "bnas/core/data/catalog.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/io/sha256.hpp"

namespace bnas::cli {
namespace {

namespace fs = std::filesystem;

/// The pinned bytes from the first mirror that has them.
std::optional<Bytes> from_mirrors(const PublishedDownload& file, const std::vector<std::string>& mirrors,
                                  const Download& download, const std::function<void(const std::string&)>& on_problem) {
  std::vector<std::string> urls;
  urls.reserve(mirrors.size() + file.urls.size());
  for (const std::string& mirror : mirrors) {
    urls.push_back(mirror + (mirror.ends_with('/') ? "" : "/") + file.name);
  }
  urls.insert(urls.end(), file.urls.begin(), file.urls.end());
  for (const std::string& url : urls) {
    try {
      Bytes bytes = download(url, file.bytes);
      if (const std::string digest = sha256_hex(bytes); digest != file.sha256) {
        on_problem(fmt::format("{}: expected SHA-256 {}, found {} ({} bytes): not the published file", url, file.sha256,
                               digest, bytes.size()));
        continue;
      }
      return bytes;
    } catch (const Error& error) {
      on_problem(error.what());
    }
  }
  return std::nullopt;
}

/// The content of the archive's present member; at most `limit` bytes.
Bytes read_member(archive* reader, const std::string& source) {
  constexpr std::size_t kLimit = std::size_t{1} << 31U;
  Bytes content;
  Bytes chunk(1 << 20);
  for (la_ssize_t got = 1; got > 0;) {
    got = archive_read_data(reader, chunk.data(), chunk.size());
    if (got < 0 || content.size() > kLimit) {
      throw Error(ErrorKind::bad_data, fmt::format("damaged archive {}: {}", source,
                                                   got < 0 ? archive_error_string(reader) : "a member is too long"));
    }
    content.insert(content.end(), chunk.begin(), chunk.begin() + got);
  }
  return content;
}

std::vector<PublishedFile> all_files(const PublishedSet& set) {
  std::vector<PublishedFile> files = set.train;
  files.insert(files.end(), set.test.begin(), set.test.end());
  return files;
}

}  // namespace

std::vector<Bytes> unpack(const Bytes& archive_bytes, const std::vector<PublishedFile>& files,
                          const std::string& source) {
  const std::unique_ptr<archive, decltype(&archive_read_free)> reader(archive_read_new(), &archive_read_free);
  check(reader != nullptr && archive_read_support_filter_gzip(reader.get()) == ARCHIVE_OK &&
            archive_read_support_format_tar(reader.get()) == ARCHIVE_OK,
        "unpack", "libarchive cannot start");
  if (archive_read_open_memory(reader.get(), archive_bytes.data(), archive_bytes.size()) != ARCHIVE_OK) {
    throw Error(ErrorKind::bad_data, fmt::format("damaged archive {}: {}", source, archive_error_string(reader.get())));
  }
  std::vector<Bytes> contents(files.size());
  archive_entry* entry = nullptr;
  int status = archive_read_next_header(reader.get(), &entry);
  for (; status == ARCHIVE_OK; status = archive_read_next_header(reader.get(), &entry)) {
    const char* path = archive_entry_pathname(entry);
    const std::string name = path == nullptr ? "" : fs::path(path).filename().string();
    const auto file = std::find_if(files.begin(), files.end(), [&](const auto& f) { return f.name == name; });
    if (file != files.end() && archive_entry_filetype(entry) == AE_IFREG) {
      contents[static_cast<std::size_t>(file - files.begin())] = read_member(reader.get(), source);
    }
  }
  if (status != ARCHIVE_EOF) {
    throw Error(ErrorKind::bad_data, fmt::format("damaged archive {}: {}", source, archive_error_string(reader.get())));
  }
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (sha256_hex(contents[i]) != files[i].sha256) {
      throw Error(ErrorKind::bad_data, fmt::format("{}: {} is not the published one", source, files[i].name));
    }
  }
  return contents;
}

void fetch_dataset(const PublishedSet& set, const fs::path& directory, const std::vector<std::string>& mirrors,
                   const Download& download, const std::function<void(const std::string&)>& on_problem) {
  std::error_code error;
  fs::create_directories(directory, error);  // the writes below say what is wrong
  for (const PublishedDownload& file : set.downloads) {
    const std::optional<Bytes> bytes = from_mirrors(file, mirrors, download, on_problem);
    if (!bytes) {
      throw Error(
          ErrorKind::missing,
          fmt::format("{} could not be had from any mirror. Without a network, copy it from another machine and "
                      "put it{} into {}, or give a mirror of your own with --mirror URL",
                      file.name, file.name.ends_with(".tar.gz") ? ", unpacked," : "", directory.string()));
    }
    if (!file.name.ends_with(".tar.gz")) {
      write_file_atomic(directory / file.name, *bytes);
      continue;
    }
    const std::vector<PublishedFile> files = all_files(set);
    const std::vector<Bytes> contents = unpack(*bytes, files, file.name);
    for (std::size_t i = 0; i < files.size(); ++i) {
      write_file_atomic(directory / files[i].name, contents[i]);
    }
  }
}

fs::path fetch_directory(const PublishedSet& set, const fs::path& data_dir) {
  const char* variable = std::getenv("BNAS_DATA_DIR");
  const fs::path parent = !data_dir.empty()                          ? data_dir
                          : variable != nullptr && *variable != '\0' ? fs::path(variable)
                                                                     : data_home();
  if (parent.empty()) {
    throw Error(ErrorKind::usage, "no folder for data: give --data-dir PATH, or set BNAS_DATA_DIR or HOME");
  }
  return parent / set.name;
}

}  // namespace bnas::cli
