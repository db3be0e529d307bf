// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <type_traits>
#include <vector>

#include "gtest/gtest.h"
#include "machine/api.hpp"

namespace bnas::emu::test {

/// A device with what its checkers find.
struct Device {
  Findings findings;
  DeviceMemory memory{std::size_t{64} << 20, findings};
  ExecOptions options;
  std::string printed;

  Device() {
    options.print = [this](std::string_view text) { printed += text; };
  }

  std::string first_finding() const {
    const std::vector<Finding> all = findings.all();
    return all.empty() ? "" : all.front().text;
  }
};

/// Elements in a device's memory, freed at the end.
template <class T>
class Array {
 public:
  /// Uninitialized.
  Array(Device& device, std::size_t size)
      : device_(device), size_(size), data_(static_cast<T*>(device.memory.allocate(size * sizeof(T)))) {}
  Array(Device& device, const std::vector<T>& values) : Array(device, values.size()) {
    std::memcpy(device.memory.host(data_, size_ * sizeof(T)), values.data(), size_ * sizeof(T));
    device.memory.mark_initialized(data_, size_ * sizeof(T));
  }
  ~Array() { device_.memory.release(data_); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  T* data() const { return data_; }
  std::vector<T> values() const {
    std::vector<T> copy(size_);
    std::memcpy(copy.data(), device_.memory.host(data_, size_ * sizeof(T)), size_ * sizeof(T));
    return copy;
  }

 private:
  Device& device_;
  std::size_t size_;
  T* data_;
};

/// A kernel's argument as its bytes.
template <class T>
std::vector<unsigned char> bytes_of(const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  const auto* begin = reinterpret_cast<const unsigned char*>(&value);
  return {begin, begin + sizeof value};
}
template <class T>
std::vector<unsigned char> bytes_of(const Array<T>& array) {
  return bytes_of(array.data());
}

/// The module of tests/kernels/NAME.cu, loaded once.
inline Module& compiled(const std::string& name) {
  static std::map<std::string, std::unique_ptr<Module>> modules;
  std::unique_ptr<Module>& module = modules[name];
  if (module == nullptr) {
    std::ifstream file(std::string(BNAS_PTX_DIRECTORY) + "/" + name + ".ptx");
    std::stringstream text;
    text << file.rdbuf();
    module = Module::load(text.str());
  }
  return *module;
}

struct Shape {
  Dim3 grid;
  Dim3 block;
  std::size_t dynamic_shared = 0;
};

/// Launches with arguments of exactly the kernel's types.
template <class... Arguments>
LaunchResult launch(Device& device, const Module& module, const std::string& kernel, const Shape& shape,
                    const Arguments&... arguments) {
  Launch l;
  l.module = &module;
  l.kernel = kernel;
  l.grid = shape.grid;
  l.block = shape.block;
  l.dynamic_shared = shape.dynamic_shared;
  l.parameters = {bytes_of(arguments)...};
  return execute(l, device.memory, device.options);
}

/// The same, of a launch that must succeed without findings.
template <class... Arguments>
LaunchResult run(Device& device, const Module& module, const std::string& kernel, const Shape& shape,
                 const Arguments&... arguments) {
  const LaunchResult result = launch(device, module, kernel, shape, arguments...);
  EXPECT_EQ(result.end, LaunchResult::End::ok) << result.what;
  EXPECT_EQ(device.findings.count(), 0U) << device.first_finding();
  return result;
}

}  // namespace bnas::emu::test
