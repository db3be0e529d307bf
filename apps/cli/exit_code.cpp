// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_code.hpp"

#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <new>

#include "cli/terminal.hpp"

namespace bnas::cli {
namespace {

void print_error(const char* program, const std::string& message) {
  const Terminal terminal = Terminal::detect(stderr);
  std::fprintf(stderr, "%s: %s %s\n", program, terminal.paint("error:", Color::red).c_str(), message.c_str());
}

bool reader_left() {
  pollfd out{STDOUT_FILENO, POLLOUT, 0};
  return poll(&out, 1, 0) == 1 && (out.revents & POLLERR) != 0;
}

/// A reader that left (`| head`) is no failure; a full disk behind stdout is.
int flush_stdout(const char* program, int code) {
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (written || reader_left()) {
    return code;
  }
  print_error(program, "cannot write the result to stdout; is the disk full?");
  return code == kSuccess ? static_cast<int>(kIo) : code;
}

}  // namespace

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage:
      return kUsage;
    case ErrorKind::bad_data:
      return kBadData;
    case ErrorKind::missing:
      return kMissing;
    case ErrorKind::unavailable:
      return kUnavailable;
    case ErrorKind::locked:
      return kLocked;
    case ErrorKind::io:
      return kIo;
    case ErrorKind::device_fault:
      return kStoppedEarly;
    case ErrorKind::internal:
      return kInternal;
  }
  return kInternal;
}

int guarded_main(const char* program, const std::function<int()>& body) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return flush_stdout(program, body());
  } catch (const Error& error) {
    const bool bug = error.kind() == ErrorKind::internal;
    print_error(program, error.what() + std::string(bug ? "; this is a bug of bnas, please report it" : ""));
    return flush_stdout(program, exit_code(error.kind()));
  } catch (const std::bad_alloc&) {
    print_error(program, "out of memory; use fewer --workers or a smaller --batch-size");
    return kInternal;
  } catch (const std::exception& error) {
    print_error(program, std::string(error.what()) + "; this is a bug of bnas, please report it");
    return kInternal;
  }
}

}  // namespace bnas::cli
