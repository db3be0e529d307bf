// SPDX-License-Identifier: Apache-2.0
#include "runtime/host_access.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstring>

#include "runtime/exit_code.hpp"

namespace bnas::emu {
namespace {

// A signal handler may not lock, so the devices are in a fixed array.
std::array<std::atomic<const DeviceMemory*>, 64> watched;
std::atomic<std::size_t> watched_count;
struct sigaction previous;

void handle(int signal, siginfo_t* info, void* context) {
  for (std::size_t i = 0; i < watched_count.load(); ++i) {
    if (watched[i].load()->reserved(info->si_addr)) {
      constexpr const char* kText =
          "bnas emulator: host_access: host code used a device address; memory of a device must be copied first\n";
      (void)!write(STDERR_FILENO, kText, std::strlen(kText));
      _exit(kFoundExitCode);
    }
  }
  if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(signal, info, context);
  } else {
    sigaction(signal, &previous, nullptr);  // the access is tried again and ends as it would have
  }
}

}  // namespace

void watch_host_access(const DeviceMemory& memory) {
  if (watched_count == 0) {
    struct sigaction action = {};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, &previous);
  }
  if (watched_count < watched.size()) {
    watched[watched_count] = &memory;
    ++watched_count;
  }
}

}  // namespace bnas::emu
