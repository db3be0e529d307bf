// SPDX-License-Identifier: Apache-2.0
#include "cli/run_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string_view>
#include <thread>
#include <utility>

#include "bnas/core/error.hpp"
#include "bnas/core/io/file.hpp"
#include "cli/format.hpp"
#include "cli/terminal.hpp"

namespace bnas::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kLockName[] = "run.lock";

[[noreturn]] void refuse_path(const fs::path& path, const std::string& what, int error) {
  throw Error(ErrorKind::io, path.string() + ": " + what + ": " + std::strerror(error));
}

int open_lock(const fs::path& root, int flags) {
  return ::open((root / kLockName).c_str(), flags | O_CLOEXEC | O_NOFOLLOW, 0644);
}

std::string read_holder(int fd) {
  std::array<char, 256> buffer{};
  const ssize_t bytes = pread(fd, buffer.data(), buffer.size(), 0);
  std::string_view text(buffer.data(), bytes > 0 ? static_cast<std::size_t>(bytes) : 0);
  text = text.substr(0, text.find('\n'));
  return text.empty() ? "another process" : escaped(text);
}

/// `status` holds the lock for an instant to see whether anybody else does; a writer outlasts that.
bool try_lock(int fd) {
  for (int tries = 0; tries < 10; ++tries) {
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
      return true;
    }
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
  errno = EWOULDBLOCK;
  return false;
}

bool holds_run(const fs::path& root) {
  std::error_code code;
  return fs::exists(root / "config.toml", code);
}

/// A directory of something else is left alone; what a killed start left behind is not in the way.
bool is_foreign(const fs::path& root) {
  static constexpr std::string_view kOurs[] = {kLockName, "checkpoints", "best", "logs"};
  for (const auto& entry : fs::directory_iterator(root)) {
    const std::string name = entry.path().filename();
    const bool ours = std::find(std::begin(kOurs), std::end(kOurs), name) != std::end(kOurs);
    if (!ours && name.find("config.toml") == std::string::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace

RunDirectory::RunDirectory(fs::path root) : root_(std::move(root)) {
  lock_ = open_lock(root_, O_RDWR | O_CREAT);
  if (lock_ < 0) {
    refuse_path(root_ / kLockName, "cannot open the lock file", errno);
  }
  if (!try_lock(lock_)) {
    const int error = errno;
    const std::string holder = error == EWOULDBLOCK ? read_holder(lock_) : "";
    ::close(std::exchange(lock_, -1));
    if (error != EWOULDBLOCK) {
      refuse_path(root_ / kLockName, "this file system cannot lock files; choose another --run-dir", error);
    }
    throw Error(ErrorKind::locked,
                fmt::format("{} is in use by {}; see bnas_search status {}", root_.string(), holder, root_.string()));
  }
  std::array<char, 128> host{};
  gethostname(host.data(), host.size() - 1);
  const std::string text = fmt::format("process {} on {} since {}\n", getpid(), host.data(), utc_text());
  if (ftruncate(lock_, 0) != 0 || pwrite(lock_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    const int error = errno;
    ::close(std::exchange(lock_, -1));
    refuse_path(root_ / kLockName, "cannot write", error);
  }
}

RunDirectory::RunDirectory(RunDirectory&& other) noexcept
    : root_(std::move(other.root_)), lock_(std::exchange(other.lock_, -1)) {}

RunDirectory::~RunDirectory() {
  if (lock_ >= 0) {
    ::close(lock_);
  }
}

RunDirectory RunDirectory::create(const fs::path& root, const std::string& config_toml) {
  std::error_code code;
  const auto exists = [&] {
    return Error(ErrorKind::locked,
                 fmt::format("{} already holds a run; continue it with bnas_search resume {}, or choose another "
                             "--run-dir",
                             root.string(), root.string()));
  };
  if (fs::exists(root, code) && !fs::is_directory(root, code)) {
    throw Error(ErrorKind::locked, root.string() + " exists and is no directory; choose another --run-dir");
  }
  make_directories(root);
  if (!holds_run(root) && is_foreign(root)) {
    throw Error(ErrorKind::locked, root.string() + " exists and holds other files; choose another --run-dir");
  }
  RunDirectory run(root);
  if (holds_run(root)) {
    throw exists();
  }
  for (const fs::path& path : {run.checkpoints(), run.best(), run.log().parent_path()}) {
    make_directories(path);
  }
  write_file_atomic(run.config(), std::string_view(config_toml));
  return run;
}

RunDirectory RunDirectory::open(const fs::path& root) {
  if (!holds_run(root)) {
    throw Error(ErrorKind::missing, fmt::format("{} holds no run (no config.toml); start one with bnas_search "
                                                "--run-dir {}",
                                                root.string(), root.string()));
  }
  RunDirectory run(root);
  for (const fs::path& path : {run.checkpoints(), run.best(), run.log().parent_path()}) {
    make_directories(path);
  }
  remove_temporary_files(root);
  return run;
}

fs::path fresh_run_directory(const std::string& name) {
  std::error_code code;
  for (int n = 1;; ++n) {
    fs::path path = fs::path("runs") / fmt::format("{}-{}", name, n);
    if (!fs::exists(path, code)) {
      return path;
    }
  }
}

void refuse_taken(const fs::path& root, const std::string& resume) {
  if (holds_run(root)) {
    const std::string holder = run_holder(root);
    throw Error(ErrorKind::locked,
                holder.empty()
                    ? fmt::format("{0} already holds a run; continue it with {1} {0}, or choose another --run-dir",
                                  root.string(), resume)
                    : fmt::format("{0} is in use by {1}; see bnas_search status {0}", root.string(), holder));
  }
}

std::string run_holder(const fs::path& root) {
  const int fd = open_lock(root, O_RDONLY);
  if (fd < 0) {
    return "";
  }
  const bool held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  std::string holder = held ? read_holder(fd) : "";
  ::close(fd);
  return holder;
}

void require_free_space(const fs::path& root, double bytes) {
  std::error_code code;
  const fs::space_info space = fs::space(root, code);
  if (!code && static_cast<double>(space.available) < bytes) {
    throw Error(ErrorKind::io,
                fmt::format("{}: {} free, {} needed for checkpoints and the store; free some or choose "
                            "another --run-dir",
                            root.string(), bytes_text(static_cast<double>(space.available)), bytes_text(bytes)));
  }
}

double directory_bytes(const fs::path& root) {
  double total = 0.0;
  std::error_code code;
  for (fs::recursive_directory_iterator it(root, code), end; !code && it != end; it.increment(code)) {
    std::error_code gone;
    const auto bytes = it->is_regular_file(gone) ? it->file_size(gone) : 0;
    total += gone ? 0.0 : static_cast<double>(bytes);
  }
  return total;
}

}  // namespace bnas::cli
