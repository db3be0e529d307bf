// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "workers/frame.hpp"

namespace bnas::nas {

/// How a process ended.
struct ProcessEnd {
  int signal = 0;          ///< that killed it, or 0
  int code = 0;            ///< its exit code otherwise
  std::string last_words;  ///< the end of what it wrote to its log, on one line

  /// "killed by signal 9 (Killed)", "exit code 99"; with the last words.
  std::string text() const;
};

/// A worker: a process of its own with one socket to us as descriptor kWorkerSocket, nothing of ours besides, and its
/// output in a file. It dies with the thread that made it.
class WorkerProcess {
 public:
  /// Starts `program` with `arguments`, of which the first is the name that it goes by. io Error when the system will
  /// not; a program that cannot be executed shows as exit code 127.
  WorkerProcess(const std::string& program, const std::vector<std::string>& arguments,
                const std::filesystem::path& log);
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;
  /// Kills it if it still lives.
  ~WorkerProcess();

  pid_t pid() const { return pid_; }
  int socket() const { return socket_; }
  FrameReader& frames() { return frames_; }
  void signal(int number) const;
  /// Waits for the end; a process that has left its socket but goes on is killed after a second.
  ProcessEnd wait();
  /// "12 R, 13 S": its threads and their states, as the kernel has them.
  std::string threads() const;

 private:
  std::filesystem::path log_;
  std::uintmax_t log_begin_ = 0;  // bytes of earlier processes
  pid_t pid_ = -1;
  int socket_ = -1;
  FrameReader frames_{-1};
};

}  // namespace bnas::nas
