// SPDX-License-Identifier: Apache-2.0
#include "cli/display.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>

#include "cli/format.hpp"
#include "cli/signals.hpp"

namespace bnas::cli {
namespace {

constexpr auto kTick = std::chrono::milliseconds(100);
constexpr auto kRepaint = std::chrono::milliseconds(250);
constexpr auto kStatusEvery = std::chrono::seconds(30);

void write_stderr(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

Display::Display(Settings settings, std::function<ProgressSnapshot()> snapshot)
    : settings_(std::move(settings)),
      snapshot_(std::move(snapshot)),
      terminal_(Terminal::detect(stderr)),
      last_status_(Clock::now()),
      thread_([this] { run(); }) {}

Display::~Display() { close(); }

void Display::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
  const std::lock_guard lock(mutex_);
  if (stop_seen_ == Clock::time_point{}) {
    notice_stop(Clock::now());  // children that stop within a tick are announced all the same
  }
  write_stderr(erased());
}

void Display::run() {
  std::unique_lock lock(mutex_);
  Clock::time_point painted{};
  while (!closing_) {
    const auto now = Clock::now();
    notice_stop(now);
    if (!settings_.quiet && terminal_.tty && now - painted >= kRepaint) {
      paint();
      painted = now;
    }
    if (!settings_.quiet && !terminal_.tty && now - last_status_ >= kStatusEvery) {
      write_status();
    }
    wake_.wait_for(lock, kTick);
  }
}

void Display::notice_stop(Clock::time_point now) {
  if (!stop_requested()) {
    return;
  }
  if (stop_seen_ == Clock::time_point{}) {
    stop_seen_ = now;
    const std::size_t children = snapshot_().running.size();
    write_stderr(erased() + fmt::format("Stopping: {} {} now (<= 10 s). Ctrl-C again to leave at once. Resume: "
                                        "{} {}\n",
                                        children, children == 1 ? "child checkpoints" : "children checkpoint",
                                        settings_.resume, settings_.run));
  } else if (std::chrono::duration<double>(now - stop_seen_).count() > settings_.grace_seconds && stop_signal() != 0) {
    write_stderr("Some children did not stop in time; leaving on their last checkpoints.\n");
    _exit(128 + stop_signal());  // the store and the checkpoints are whole at every moment
  }
}

/// The escape sequence that removes what was painted.
std::string Display::erased() {
  if (painted_.empty()) {
    return "";
  }
  const int width = terminal_.width(stderr);
  int rows = 0;  // a terminal made narrower has wrapped the lines
  for (const int columns : painted_) {
    rows += std::max(1, (columns + width - 1) / std::max(1, width));
  }
  painted_.clear();
  return fmt::format("\r\033[{}A\033[J", rows);
}

void Display::paint() {
  const auto lines = progress_lines(snapshot_(), terminal_, terminal_.width(stderr));
  std::string text = erased();
  for (const std::string& line : lines) {
    text += line + "\n";
    painted_.push_back(display_width(line));
  }
  write_stderr(text);
}

void Display::write_status() {
  write_stderr(utc_text() + " " + progress_status(snapshot_()) + "\n");
  last_status_ = Clock::now();
}

void Display::print(const std::string& line) {
  const std::lock_guard lock(mutex_);
  write_stderr(erased() + line + "\n");
}

void Display::status_now() {
  const std::lock_guard lock(mutex_);
  if (!settings_.quiet && !terminal_.tty) {
    write_status();
  }
}

}  // namespace bnas::cli
