// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/io/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <string>
#include <system_error>
#include <utility>

#include "bnas/core/error.hpp"

namespace bnas {
namespace {

constexpr std::string_view kTemporarySuffix = ".tmp";

std::string reason(int error) {
  std::string text = std::generic_category().message(error);
  switch (error) {
    case ENOSPC:
      return "disk full (" + text + ")";
    case EDQUOT:
      return "quota exhausted (" + text + ")";
    default:
      return text;
  }
}

template <class Call>
auto retry_interrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) {
    result = call();
  }
  return result;
}

// Unique among the writers of this machine; killed writers leave it behind.
std::filesystem::path temporary_name(const std::filesystem::path& path) {
  static std::atomic<std::uint64_t> counter{0};
  std::filesystem::path name = path;
  name += fmt::format(".{}-{}{}", ::getpid(), counter.fetch_add(1), kTemporarySuffix);
  return name;
}

// One atomic replacement; deletes its temporary file unless it was renamed.
class AtomicWrite {
 public:
  AtomicWrite(const std::filesystem::path& path, std::size_t bytes, FileOps& ops)
      : path_(path), temporary_(temporary_name(path)), bytes_(bytes), ops_(ops) {}
  AtomicWrite(const AtomicWrite&) = delete;
  AtomicWrite& operator=(const AtomicWrite&) = delete;
  ~AtomicWrite() {
    close_quietly();
    if (created_) {
      ops_.unlink(temporary_.c_str());
    }
  }

  void run(std::span<const std::uint8_t> data) {
    fd_ = retry_interrupted(
        [&] { return ops_.open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666); });
    require(fd_ >= 0, "create a file beside");
    created_ = true;
    while (!data.empty()) {
      const ssize_t written = retry_interrupted([&] { return ops_.write(fd_, data.data(), data.size()); });
      if (written == 0) {
        errno = EIO;
      }
      require(written > 0, "write");
      data = data.subspan(static_cast<std::size_t>(written));
    }
    require(retry_interrupted([&] { return ops_.fsync(fd_); }) == 0, "sync");
    require(ops_.close(std::exchange(fd_, -1)) == 0, "close");
    require(ops_.rename(temporary_.c_str(), path_.c_str()) == 0, "rename a file to");
    created_ = false;
    sync_directory();
  }

 private:
  // The rename itself must be on disk too.
  void sync_directory() {
    const std::filesystem::path parent = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
    fd_ = retry_interrupted([&] { return ops_.open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0); });
    require(fd_ >= 0, "open the directory of");
    const bool synced = retry_interrupted([&] { return ops_.fsync(fd_); }) == 0;
    // EINVAL: a file system that cannot sync directories and needs no such call.
    require(synced || errno == EINVAL, "sync the directory of");
    close_quietly();
  }

  void require(bool holds, const char* action) const {
    if (!holds) {
      throw Error(ErrorKind::io,
                  fmt::format("cannot {} {}: {}; {} bytes are needed. Free space or choose another place.", action,
                              path_.string(), reason(errno), bytes_));
    }
  }

  void close_quietly() {
    if (fd_ >= 0) {
      ops_.close(std::exchange(fd_, -1));
    }
  }

  const std::filesystem::path& path_;
  std::filesystem::path temporary_;
  std::size_t bytes_;
  FileOps& ops_;
  int fd_ = -1;
  bool created_ = false;
};

}  // namespace

int FileOps::open(const char* path, int flags, mode_t mode) { return ::open(path, flags, mode); }
ssize_t FileOps::write(int fd, const void* data, std::size_t bytes) { return ::write(fd, data, bytes); }
int FileOps::fsync(int fd) { return ::fsync(fd); }
int FileOps::close(int fd) { return ::close(fd); }
int FileOps::rename(const char* from, const char* to) { return std::rename(from, to); }
int FileOps::unlink(const char* path) { return ::unlink(path); }

FileOps& system_file_ops() {
  static FileOps ops;
  return ops;
}

void write_file_atomic(const std::filesystem::path& path, std::span<const std::uint8_t> data, FileOps& ops) {
  AtomicWrite(path, data.size(), ops).run(data);
}

void write_file_atomic(const std::filesystem::path& path, std::string_view text, FileOps& ops) {
  write_file_atomic(path, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()), ops);
}

void make_directories(const std::filesystem::path& path) {
  std::error_code code;
  std::filesystem::create_directories(path, code);
  if (code) {
    throw Error(ErrorKind::io, path.string() + ": this directory cannot be made: " + code.message() +
                                   "; free the disk or mend its permissions");
  }
}

int remove_temporary_files(const std::filesystem::path& directory) {
  std::error_code error;
  int removed = 0;
  for (std::filesystem::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    if (it->path().extension() == kTemporarySuffix &&
        it->symlink_status().type() == std::filesystem::file_type::regular) {
      std::error_code gone_already;
      removed += std::filesystem::remove(it->path(), gone_already) ? 1 : 0;
    }
  }
  if (error) {
    throw Error(ErrorKind::io, fmt::format("cannot list {}: {}", directory.string(), error.message()));
  }
  return removed;
}

InputFile::InputFile(const std::filesystem::path& path) : path_(path) {
  // O_NONBLOCK: opening a pipe must not wait for its other end; regular files do not notice.
  const int fd = retry_interrupted([&] { return ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC); });
  if (fd < 0) {
    const bool missing = errno == ENOENT || errno == ENOTDIR;
    throw Error(missing ? ErrorKind::missing : ErrorKind::io,
                fmt::format("cannot open {}: {}", path_.string(), reason(errno)));
  }
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(fd);
    throw Error(ErrorKind::bad_data, fmt::format("{} is not a regular file", path_.string()));
  }
  fd_ = fd;
  size_ = static_cast<std::uint64_t>(status.st_size);
}

InputFile::~InputFile() { ::close(fd_); }

std::size_t InputFile::read(std::span<std::uint8_t> dst) {
  std::size_t done = 0;
  while (done < dst.size()) {
    const ssize_t got = retry_interrupted([&] { return ::read(fd_, dst.data() + done, dst.size() - done); });
    if (got < 0) {
      throw Error(ErrorKind::io, fmt::format("cannot read {}: {}", path_.string(), reason(errno)));
    }
    if (got == 0) {
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  return done;
}

Bytes read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
  InputFile file(path);
  if (file.size() > max_bytes) {
    throw Error(ErrorKind::bad_data, fmt::format("{} is too large: expected at most {} bytes, found {}", path.string(),
                                                 max_bytes, file.size()));
  }
  Bytes bytes(static_cast<std::size_t>(file.size()));
  const std::size_t got = file.read(bytes);
  if (got != bytes.size()) {
    throw Error(ErrorKind::bad_data, fmt::format("{} shrank while it was read: expected {} bytes, found {}",
                                                 path.string(), bytes.size(), got));
  }
  return bytes;
}

}  // namespace bnas
