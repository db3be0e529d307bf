// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "cli/progress.hpp"

namespace bnas::cli {

/// Shows the progress on stderr: repainted in place on a terminal, otherwise a status line now and then. A thread of
/// its own keeps the clock running and notices a stop request. Thread-safe.
class Display {
 public:
  struct Settings {
    bool quiet = false;
    std::string run;           ///< the run directory, for the text that says how to resume
    std::string resume;        ///< the program and command that does
    double grace_seconds = 9;  ///< after a stop request the process leaves by itself, whatever hangs
  };
  /// `snapshot` is called from the display's thread and from print(); it must not call back.
  Display(Settings settings, std::function<ProgressSnapshot()> snapshot);
  ~Display();

  /// A line of text above the progress.
  void print(const std::string& line);
  /// Off a terminal: one status line now (a child has finished).
  void status_now();
  /// Removes the progress and ends the thread.
  void close();

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  std::string erased();
  void paint();
  void write_status();
  void notice_stop(Clock::time_point now);

  const Settings settings_;
  const std::function<ProgressSnapshot()> snapshot_;
  const Terminal terminal_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool closing_ = false;
  std::vector<int> painted_;  // display widths of the lines on the screen
  Clock::time_point last_status_;
  Clock::time_point stop_seen_{};
  std::thread thread_;
};

}  // namespace bnas::cli
