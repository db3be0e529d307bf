// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/memory.hpp"

#include <cstring>
#include <fstream>
#include <new>
#include <sstream>
#include <string>

namespace bnas::cpu {
namespace {

constexpr std::size_t kAlignment = 64;
constexpr std::size_t kReadableTail = 64;

class HostMemory final : public MemorySource {
 public:
  std::string name() const override { return "cpu"; }
  void* obtain(std::size_t bytes) override {
    void* data = ::operator new (bytes + kReadableTail, std::align_val_t{kAlignment}, std::nothrow);
    if (data != nullptr) {
      std::memset(static_cast<char*>(data) + bytes, 0, kReadableTail);
    }
    return data;
  }
  void give_back(void* data, std::size_t /*bytes*/) override { ::operator delete (data, std::align_val_t{kAlignment}); }
};

}  // namespace

DeviceMemory host_memory() {
  std::ifstream file("/proc/meminfo");
  DeviceMemory memory;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string key;
    std::uint64_t kib = 0;
    words >> key >> kib;
    if (key == "MemTotal:") {
      memory.total = kib * 1024;
    } else if (key == "MemAvailable:") {
      memory.free = kib * 1024;
    }
  }
  return memory;
}

std::unique_ptr<MemorySource> make_memory_source() { return std::make_unique<HostMemory>(); }

}  // namespace bnas::cpu
