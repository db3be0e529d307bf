// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bnas {

enum class DeviceType : std::uint8_t { cpu, cuda };

/// A place where tensors live and kernels run; a value.
struct Device {
  DeviceType type = DeviceType::cpu;
  int index = 0;

  /// "cpu" or "cuda:0".
  std::string text() const;
  /// Reads "cpu", "cuda" or "cuda:N"; anything else is a usage Error.
  static Device parse(std::string_view text);

  friend bool operator==(const Device&, const Device&) = default;
};

}  // namespace bnas
