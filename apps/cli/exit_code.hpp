// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "bnas/core/error.hpp"

namespace bnas::cli {

/// Exit codes that a scheduler can act on (sysexits.h where it has one).
enum ExitCode : int {
  kSuccess = 0,
  kSearchFailed = 1,  ///< no usable child, or too many failures
  kUsage = 2,
  kBadData = 65,
  kMissing = 66,
  kUnavailable = 69,
  kInternal = 70,
  kLocked = 73,
  kIo = 74,
  kStoppedEarly = 75,  ///< resumable
  kSignalBase = 128,   ///< + number of the signal that ended the run
};

int exit_code(ErrorKind kind);

/// Runs a program: its exit code, or one message on stderr and the code of the error. Also ignores SIGPIPE and reports
/// a stdout that cannot be written. Everything but Error is announced as a bug.
int guarded_main(const char* program, const std::function<int()>& body);

}  // namespace bnas::cli
