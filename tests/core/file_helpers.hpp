// SPDX-License-Identifier: Apache-2.0
// For tests that read and write files: a folder of one's own, and calls of the operating system that fail on demand.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "bnas/core/error.hpp"
#include "bnas/core/io/file.hpp"

namespace bnas {

/// A fresh empty directory that dies with the object.
class TestDirectory {
 public:
  TestDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bnas-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TestDirectory() { std::filesystem::remove_all(path_); }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline void put_bytes(const std::filesystem::path& path, const Bytes& bytes) {
  // A new file: ext4 makes overwriting an old one wait for the disk.
  std::filesystem::remove(path);
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

inline Bytes to_bytes(std::string_view text) { return {text.begin(), text.end()}; }

/// Runs `action`, which must throw an Error, and returns it.
template <class Action>
Error error_of(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no Error was thrown";
  return Error(ErrorKind::internal, "none");
}

/// The n-th call (from 1) fails with `error`, and every later one too when `ever_after`. A failing write first writes
/// half of its bytes, as a full disk does. With `short_writes` every write does half its work, which is no failure.
class FaultyFileOps final : public FileOps {
 public:
  FaultyFileOps(int failing_call, int error, bool ever_after, bool short_writes = false)
      : failing_call_(failing_call), error_(error), ever_after_(ever_after), short_writes_(short_writes) {}

  bool failed() const { return calls_ >= failing_call_; }

  int open(const char* path, int flags, mode_t mode) override {
    return fails() ? -1 : FileOps::open(path, flags, mode);
  }
  ssize_t write(int fd, const void* data, std::size_t bytes) override {
    if (fails()) {
      FileOps::write(fd, data, bytes / 2);
      errno = error_;
      return -1;
    }
    return FileOps::write(fd, data, short_writes_ && bytes > 1 ? bytes / 2 : bytes);
  }
  int fsync(int fd) override { return fails() ? -1 : FileOps::fsync(fd); }
  int close(int fd) override {
    // The descriptor is gone even when close reports an error.
    const bool fail = fails();
    const int result = FileOps::close(fd);
    if (fail) {
      errno = error_;
    }
    return fail ? -1 : result;
  }
  int rename(const char* from, const char* to) override { return fails() ? -1 : FileOps::rename(from, to); }
  int unlink(const char* path) override { return fails() ? -1 : FileOps::unlink(path); }

 private:
  bool fails() {
    ++calls_;
    const bool fail = ever_after_ ? calls_ >= failing_call_ : calls_ == failing_call_;
    if (fail) {
      errno = error_;
    }
    return fail;
  }

  int failing_call_;
  int error_;
  bool ever_after_;
  bool short_writes_;
  int calls_ = 0;
};

}  // namespace bnas
