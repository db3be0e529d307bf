// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace spdlog {
class logger;
}

namespace bnas::cli {

enum class LogLevel : unsigned char { debug, info, warning };

/// The log of a run: everything with time stamps (UTC) to files, what the verbosity asks for to the screen.
/// Thread-safe.
class Log {
 public:
  /// `show` prints one line on the screen. A log file that cannot be opened is an io Error; one that can no longer be
  /// written (full disk) is reported on the screen once and does not end the run.
  Log(const std::vector<std::filesystem::path>& files, int verbosity, std::function<void(const std::string&)> show);
  ~Log();

  void write(LogLevel level, const std::string& message);

 private:
  std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace bnas::cli
