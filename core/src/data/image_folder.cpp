// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/data/image_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "bnas/core/error.hpp"
#include "bnas/core/io/safetensors.hpp"
#include "bnas/core/io/sha256.hpp"

namespace bnas {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxFiles = 10'000'000;
constexpr std::size_t kMaxClasses = 1'000;

struct ImageEntry {
  fs::path path;
  std::int32_t label = 0;
  std::string sha256;
};

[[noreturn]] void bad(const fs::path& path, const std::string& what) {
  throw Error(ErrorKind::bad_data, path.string() + ": " + what);
}

/// Names in `folder` but for hidden ones, sorted by their bytes.
std::vector<std::string> sorted_names(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (it->is_symlink()) {
      bad(it->path(), "is a symbolic link, which is not followed; put the file itself there");
    }
    if (name.starts_with(".")) {
      continue;
    }
    if (names.size() == kMaxFiles) {
      bad(folder, fmt::format("holds more than {} files", kMaxFiles));
    }
    names.push_back(name);
  }
  if (error) {
    throw Error(ErrorKind::missing, fmt::format("cannot list {}: {}; a folder set has ROOT/train/CLASS/ and "
                                                "ROOT/test/CLASS/ with PNG or JPEG files",
                                                folder.string(), error.message()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> class_names(const fs::path& folder) {
  std::vector<std::string> names = sorted_names(folder);
  for (const std::string& name : names) {
    if (!fs::is_directory(folder / name)) {
      bad(folder / name, "expected a folder for each class");
    }
  }
  if (names.size() < 2 || names.size() > kMaxClasses) {
    bad(folder, fmt::format("expected folders for 2 to {} classes, found {}", kMaxClasses, names.size()));
  }
  return names;
}

bool has_image_extension(const std::string& name) {
  std::string extension = fs::path(name).extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](char c) { return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); });
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

std::vector<ImageEntry> list_images(const fs::path& folder, const std::vector<std::string>& classes,
                                    const ImageLimits& limits) {
  std::vector<ImageEntry> entries;
  for (std::size_t label = 0; label < classes.size(); ++label) {
    for (const std::string& name : sorted_names(folder / classes[label])) {
      const fs::path path = folder / classes[label] / name;
      if (!has_image_extension(name)) {
        bad(path, "expected only .png, .jpg and .jpeg files in the folder of a class");
      }
      entries.push_back({path, static_cast<std::int32_t>(label), sha256_hex(read_file(path, limits.file_bytes))});
    }
  }
  if (entries.empty()) {
    bad(folder, "holds no images");
  }
  return entries;
}

/// Names a packed copy: equal for equal contents and options.
std::string content_key(const std::vector<ImageEntry>& entries, std::size_t classes,
                        const ImageFolderOptions& options) {
  Sha256 digest;
  digest.update(std::string_view("packed images, version 1"));
  for (const std::size_t number :
       {static_cast<std::size_t>(options.side), static_cast<std::size_t>(options.channels), classes, entries.size()}) {
    digest.update_number(number);
  }
  for (const ImageEntry& entry : entries) {
    digest.update_number(static_cast<std::uint64_t>(entry.label));
    digest.update(std::string_view(entry.sha256));
  }
  return digest.hex();
}

Dataset decode_all(const std::vector<ImageEntry>& entries, std::size_t classes, const ImageFolderOptions& options) {
  Dataset data;
  data.name = "folder";
  data.count = static_cast<std::int64_t>(entries.size());
  data.height = data.width = options.side;
  data.channels = options.channels;
  data.classes = static_cast<int>(classes);
  data.pixels.reserve(static_cast<std::size_t>(data.count * data.image_bytes()));
  for (const ImageEntry& entry : entries) {
    const Bytes file = read_file(entry.path, options.limits.file_bytes);
    if (sha256_hex(file) != entry.sha256) {
      bad(entry.path, "changed while the folder was read; start again when nothing writes there");
    }
    const Image image =
        resized_square(decode_image(file, options.channels, entry.path.string(), options.limits), options.side);
    data.pixels.insert(data.pixels.end(), image.pixels.begin(), image.pixels.end());
    data.labels.push_back(entry.label);
  }
  return data;
}

void write_cache(const fs::path& path, const Dataset& data) {
  TensorFile file;
  file.tensors["pixels"] = {StoredType::u8, {data.count, data.height, data.width, data.channels}, data.pixels};
  const auto* labels = reinterpret_cast<const std::uint8_t*>(data.labels.data());
  file.tensors["labels"] = {StoredType::i32, {data.count}, Bytes(labels, labels + data.labels.size() * sizeof(int))};
  file.metadata["digest"] = data.digest();
  std::error_code error;
  fs::create_directories(path.parent_path(), error);  // the write below says what is wrong
  write_tensors(path, file);
}

/// The packed copy, unless it is not there or not what was written.
std::optional<Dataset> read_cache(const fs::path& path, const Dataset& expected) {
  try {
    TensorFile file = read_tensors(path);
    StoredTensor& pixels = file.tensors.at("pixels");
    const StoredTensor& labels = file.tensors.at("labels");
    const std::vector<std::int64_t> shape{expected.count, expected.height, expected.width, expected.channels};
    if (pixels.type != StoredType::u8 || pixels.shape != shape || labels.type != StoredType::i32 ||
        labels.shape != std::vector<std::int64_t>{expected.count}) {
      return std::nullopt;
    }
    Dataset data = expected;
    data.pixels = std::move(pixels.bytes);
    const auto* first = reinterpret_cast<const std::int32_t*>(labels.bytes.data());
    data.labels.assign(first, first + expected.count);
    const bool whole = file.metadata.at("digest") == data.digest();
    return whole ? std::optional(std::move(data)) : std::nullopt;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::missing || error.kind() == ErrorKind::bad_data) {
      return std::nullopt;
    }
    throw;
  } catch (const std::out_of_range&) {
    return std::nullopt;
  }
}

}  // namespace

Dataset read_image_folder(const fs::path& root, const std::string& part, const ImageFolderOptions& options) {
  if (options.side < 1 || options.side > options.limits.side || (options.channels != 1 && options.channels != 3)) {
    throw Error(ErrorKind::usage, fmt::format("image folder: side {} must be 1 to {}, channels {} must be 1 or 3",
                                              options.side, options.limits.side, options.channels));
  }
  const std::vector<std::string> classes = class_names(root / "train");
  if (part != "train" && class_names(root / part) != classes) {
    bad(root / part, fmt::format("expected the {} classes of {}", classes.size(), (root / "train").string()));
  }
  const std::vector<ImageEntry> entries = list_images(root / part, classes, options.limits);
  const std::int64_t image_bytes = std::int64_t{options.side} * options.side * options.channels;
  if (static_cast<std::int64_t>(entries.size()) > options.content_bytes / image_bytes) {
    bad(root / part, fmt::format("{} images of {} bytes are more than {} bytes; choose a smaller side", entries.size(),
                                 image_bytes, options.content_bytes));
  }
  if (options.cache_dir.empty()) {
    return decode_all(entries, classes.size(), options);
  }
  const fs::path cache = options.cache_dir / (content_key(entries, classes.size(), options) + ".safetensors");
  Dataset expected{"folder",         static_cast<std::int64_t>(entries.size()), options.side, options.side,
                   options.channels, static_cast<int>(classes.size()),          {},           {}};
  if (std::optional<Dataset> data = read_cache(cache, expected)) {
    return std::move(*data);
  }
  Dataset data = decode_all(entries, classes.size(), options);
  write_cache(cache, data);
  return data;
}

}  // namespace bnas
