// SPDX-License-Identifier: Apache-2.0
// Files of untrusted origin in, files that survive a crash out.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string_view>
#include <vector>

namespace bnas {

using Bytes = std::vector<std::uint8_t>;

/// The operating system's calls that write_file_atomic makes: a seam where tests let the n-th one fail.
/// Results and errno are those of the POSIX calls of the same names.
class FileOps {
 public:
  virtual ~FileOps() = default;
  virtual int open(const char* path, int flags, mode_t mode);
  virtual ssize_t write(int fd, const void* data, std::size_t bytes);
  virtual int fsync(int fd);
  virtual int close(int fd);
  virtual int rename(const char* from, const char* to);
  virtual int unlink(const char* path);
};

/// The real calls.
FileOps& system_file_ops();

/// Replaces `path` by `data`: after a crash at any moment the file holds its old or its new content, never a mixture.
/// Writes a temporary file in the same directory, syncs it, renames it and syncs the directory.
/// An `io` Error names path, bytes needed and the reason; then the old content stands, unless only the last sync
/// failed.
void write_file_atomic(const std::filesystem::path& path, std::span<const std::uint8_t> data,
                       FileOps& ops = system_file_ops());
void write_file_atomic(const std::filesystem::path& path, std::string_view text, FileOps& ops = system_file_ops());

/// Makes the directory and those above it, where they are not there; an `io` Error names it and the reason.
void make_directories(const std::filesystem::path& path);

/// Deletes the temporary files that killed writers left in `directory` (not below it) and returns their number. Only
/// for the one owner of the directory, before its first write.
int remove_temporary_files(const std::filesystem::path& directory);

/// A regular file opened for reading. Devices, pipes and directories are refused, so that reading never blocks.
class InputFile {
 public:
  /// Throws `missing` where there is no such file, `bad_data` when it is no regular file, `io` otherwise.
  explicit InputFile(const std::filesystem::path& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size() const { return size_; }  ///< when it was opened
  /// Fills `dst` and returns its size; less only at the end of the file.
  std::size_t read(std::span<std::uint8_t> dst);

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  std::uint64_t size_ = 0;
};

/// The whole file; larger than `max_bytes` is a `bad_data` Error before anything is allocated.
Bytes read_file(const std::filesystem::path& path, std::uint64_t max_bytes);

}  // namespace bnas
