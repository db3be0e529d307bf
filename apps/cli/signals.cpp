// SPDX-License-Identifier: Apache-2.0
#include "cli/signals.hpp"

#include <unistd.h>

#include <csignal>

namespace bnas::cli {
namespace {

std::atomic<bool> requested{false};
std::atomic<int> taken{0};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<int>::is_always_lock_free, "used in a handler");

extern "C" void on_stop_signal(int number) {
  if (requested.exchange(true)) {
    _exit(128 + number);
  }
  taken = number;
}

}  // namespace

void install_stop_signals() {
  for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before {};
    sigaction(number, nullptr, &before);
    if (before.sa_handler == SIG_IGN) {
      continue;
    }
    struct sigaction action {};
    action.sa_handler = on_stop_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, nullptr);
  }
}

const std::atomic<bool>& stop_requested() { return requested; }

int stop_signal() { return taken; }

}  // namespace bnas::cli
