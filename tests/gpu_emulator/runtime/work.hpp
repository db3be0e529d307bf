// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <driver_types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "machine/api.hpp"

namespace bnas::emu {

struct KernelSymbol;

// What operations of streams and nodes of graphs do. Each is plain data, so that a captured one can be run many times.

/// Nothing: event records, waits, ends of graphs.
struct Marker {};

struct KernelCall {
  const KernelSymbol* symbol = nullptr;
  Dim3 grid;
  Dim3 block;
  Dim3 cluster;
  std::size_t dynamic_shared = 0;
  std::vector<std::vector<unsigned char>> parameters;
};

/// A part of memory: `rows` rows of `width` bytes, `pitch` bytes apart.
struct Area {
  const void* address = nullptr;
  std::size_t width = 0;
  std::size_t rows = 1;
  std::size_t pitch = 0;

  const unsigned char* row(std::size_t i) const { return static_cast<const unsigned char*>(address) + i * pitch; }
  bool empty() const { return width == 0 || rows == 0; }
  /// From the first byte to the last.
  std::size_t extent() const { return empty() ? 0 : (rows - 1) * pitch + width; }
};

struct Copy {
  Area to;
  Area from;
  std::shared_ptr<const std::vector<unsigned char>> staged;  // rows of `from`, read when the copy was enqueued
};

struct Fill {
  Area to;
  unsigned value = 0;
  std::size_t element_bytes = 1;  // 1, 2 or 4 low bytes of `value`
};

struct HostCall {
  cudaHostFn_t function = nullptr;
  void* argument = nullptr;
};

/// Work of a library that stands for device code: declares what it reads and writes, so that it is checked alike.
struct DeviceCall {
  std::string name;
  struct Use {
    Area area;
    bool write = false;
  };
  std::shared_ptr<void> argument;
  void (*function)(void*) = nullptr;
  std::vector<Use> uses;
};

/// Stream-ordered memory becomes usable, or stops to be.
struct Allocate {
  void* address = nullptr;
  std::size_t bytes = 0;
};
struct Release {
  void* address = nullptr;
  std::size_t bytes = 0;
};

using Work = std::variant<Marker, KernelCall, Copy, Fill, HostCall, DeviceCall, Allocate, Release>;

/// What people call it: "copy", a kernel's demangled name.
std::string describe(const Work& work);

}  // namespace bnas::emu
