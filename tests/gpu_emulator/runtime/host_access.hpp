// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "memory/device_memory.hpp"

namespace bnas::emu {

/// From now on, a segmentation fault of host code at an address of this device is told apart from others: the process
/// says so and ends with the exit code of findings. `memory` must live for ever.
void watch_host_access(const DeviceMemory& memory);

}  // namespace bnas::emu
