// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "runtime/emulator.h"

namespace bnas::emu {

/// Collects what a library call does on a stream and enqueues it. `Body` is called with no arguments when it runs.
class DeviceWork {
 public:
  void reads(const void* address, std::size_t width, std::size_t rows = 1, std::size_t pitch = 0) {
    uses_.push_back({address, width, rows, pitch, 0});
  }
  void writes(const void* address, std::size_t width, std::size_t rows = 1, std::size_t pitch = 0) {
    uses_.push_back({address, width, rows, pitch, 1});
  }

  template <typename Body>
  cudaError_t enqueue(cudaStream_t stream, const char* name, Body body) const {
    return bnas_emu_enqueue(
        stream, name, [](void* argument) { (*static_cast<Body*>(argument))(); }, new Body(std::move(body)),
        [](void* argument) { delete static_cast<Body*>(argument); }, uses_.data(), uses_.size());
  }

 private:
  std::vector<BnasEmuUse> uses_;
};

/// Where the contents of `bytes` at a device address are, for a body that runs.
template <typename T>
T* contents(T* address, std::size_t bytes) {
  return static_cast<T*>(bnas_emu_contents(address, bytes));
}

}  // namespace bnas::emu
