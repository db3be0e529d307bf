// SPDX-License-Identifier: Apache-2.0
#include "runtime/runtime.hpp"

#include <charconv>
#include <cstdlib>
#include <cstring>

#include "runtime/execution.hpp"
#include "runtime/host_access.hpp"
#include "runtime/options.hpp"

namespace bnas::emu {
namespace {

// Physical ordinals that CUDA_VISIBLE_DEVICES lets through: up to the first that is no ordinal of a device.
std::vector<int> visible_devices() {
  std::vector<int> visible;
  const int count = options().devices;
  const char* text = std::getenv("CUDA_VISIBLE_DEVICES");
  if (!text) {
    for (int i = 0; i < count; ++i) {
      visible.push_back(i);
    }
    return visible;
  }
  const char* const end = text + std::strlen(text);
  while (text < end) {
    int ordinal = -1;
    const auto [next, error] = std::from_chars(text, end, ordinal);
    if (error != std::errc() || ordinal < 0 || ordinal >= count) {
      break;
    }
    visible.push_back(ordinal);
    text = next < end && *next == ',' ? next + 1 : end;
  }
  return visible;
}

}  // namespace

ThreadState& this_thread() {
  thread_local ThreadState state;
  return state;
}

const std::string& this_note() { return this_thread().note.empty() ? options().note : this_thread().note; }

Runtime::Runtime() : scheduler([this](Operation& operation) { return execute_operation(*this, operation); }) {
  faults.add(options().fault);
}

std::vector<std::unique_ptr<Device>>& Runtime::devices() {
  if (!devices_made_) {
    devices_made_ = true;
    for (const int physical : visible_devices()) {
      devices_.push_back(std::make_unique<Device>(static_cast<int>(devices_.size()), physical, findings));
      devices_.back()->legacy.lane = take_lane();
      watch_host_access(devices_.back()->memory);
    }
  }
  return devices_;
}

Device& Runtime::device(int ordinal) {
  require(!devices().empty(), cudaErrorNoDevice);
  require(ordinal >= 0 && ordinal < static_cast<int>(devices_.size()), cudaErrorInvalidDevice);
  return *devices_[static_cast<std::size_t>(ordinal)];
}

Device& Runtime::current_device() { return device(this_thread().device); }

void Runtime::fail(cudaError_t code, const std::string& text) {
  if (sticky == cudaSuccess) {
    sticky = code;
    explain(text + " (" + error_name(code) + ")");
    scheduler.abandon();
  }
}

Lane Runtime::take_lane() {
  if (spare_lanes_.empty()) {
    return {lanes_made_++, 0};
  }
  const Lane lane = spare_lanes_.back();
  spare_lanes_.pop_back();
  return lane;
}

Runtime& runtime() {
  static auto* const instance = new Runtime;
  return *instance;
}

}  // namespace bnas::emu
