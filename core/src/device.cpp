// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/device.hpp"

#include <algorithm>
#include <charconv>

#include "backend/cpu/backend.hpp"
#include "backend/cuda/backend.hpp"
#include "bnas/core/backend.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/stream.hpp"

namespace bnas {

std::string Device::text() const { return type == DeviceType::cpu ? "cpu" : "cuda:" + std::to_string(index); }

Device Device::parse(std::string_view text) {
  if (text == "cpu") {
    return {DeviceType::cpu, 0};
  }
  if (text == "cuda") {
    return {DeviceType::cuda, 0};
  }
  constexpr std::string_view prefix = "cuda:";
  if (text.starts_with(prefix)) {
    int index = -1;
    const char* last = text.data() + text.size();
    const auto [end, error] = std::from_chars(text.data() + prefix.size(), last, index);
    if (error == std::errc() && end == last && index >= 0) {
      return {DeviceType::cuda, index};
    }
  }
  throw Error(ErrorKind::usage, "unknown device '" + std::string(text) + "': use cpu, cuda or cuda:N");
}

namespace {

void require_present(Device device, const cuda_backend::Devices& found) {
  if (device.type == DeviceType::cuda && device.index >= found.count) {
    throw Error(ErrorKind::unavailable,
                "device " + device.text() + " is not available: " +
                    (found.count == 0 ? found.reason
                                      : "there are " + std::to_string(found.count) + " CUDA devices, counted from 0"));
  }
}

}  // namespace

Backend& backend_for(Device device) {
  if (device.type == DeviceType::cpu) {
    return cpu::backend();
  }
  require_present(device, cuda_backend::devices());
  return cuda_backend::backend(device.index);
}

std::vector<Device> find_devices(std::string_view list) {
  std::vector<Device> out;
  const auto add = [&](Device device) {
    if (std::find(out.begin(), out.end(), device) != out.end()) {
      throw Error(ErrorKind::usage, "device " + device.text() + " is named twice in '" + std::string(list) + "'");
    }
    if (!out.empty() && out.front().type != device.type) {
      throw Error(ErrorKind::usage, "'" + std::string(list) +
                                        "' mixes kinds of devices, whose results would differ in "
                                        "the last digits: name devices of one kind");
    }
    out.push_back(device);
  };
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(',', begin), list.size());
    const std::string_view name = list.substr(begin, end - begin);
    const Device device = Device::parse(name);
    const cuda_backend::Devices found =
        device.type == DeviceType::cuda ? cuda_backend::devices() : cuda_backend::Devices{};
    require_present(device, found);
    const int count = name == "cuda" ? found.count : 1;
    for (int i = 0; i < count; ++i) {
      add({device.type, device.index + i});
    }
    begin = end + 1;
  }
  return out;
}

std::vector<Device> available_devices() {
  std::vector<Device> devices{Device{}};
  for (int i = 0; i < cuda_backend::devices().count; ++i) {
    devices.push_back({DeviceType::cuda, i});
  }
  return devices;
}

Device Stream::device() const { return backend().device(); }

const KernelTable& kernels_of(const Stream& stream) { return stream.backend().kernels(); }

void throw_missing_kernel(const char* op, const Stream& stream) {
  throw Error(ErrorKind::unavailable,
              "[" + std::string(op) + "] device " + stream.device().text() + " has no kernel for this operation");
}

}  // namespace bnas
