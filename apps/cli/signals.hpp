// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

namespace bnas::cli {

/// SIGINT, SIGTERM and SIGHUP set stop_requested(); a second one leaves the process at once with 128 + its number.
/// A signal that the caller has the program ignore (nohup) stays ignored.
void install_stop_signals();
const std::atomic<bool>& stop_requested();
/// The signal that was taken; 0: none.
int stop_signal();

}  // namespace bnas::cli
