// SPDX-License-Identifier: Apache-2.0
#include "cli/exit_code.hpp"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>

#include "cli/terminal.hpp"

namespace bnas::cli {
namespace {

void print_error(const char* program, const std::string& message) {
  const Terminal terminal = Terminal::detect(stderr);
  std::fprintf(stderr, "%s: %s %s\n", program, terminal.paint("error:", Color::red).c_str(), message.c_str());
}

/// A reader that left (`| head`) is no failure; a full disk behind stdout is.
int flush_stdout(const char* program, int code) {
  errno = 0;
  if ((std::fflush(stdout) != 0 || std::ferror(stdout) != 0) && errno != EPIPE && errno != 0) {
    print_error(program, std::string("cannot write the result to stdout: ") + std::strerror(errno));
    return code == kSuccess ? static_cast<int>(kIo) : code;
  }
  return code;
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
