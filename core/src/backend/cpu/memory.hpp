// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backend/caching_allocator.hpp"
#include "bnas/core/backend.hpp"

namespace bnas::cpu {

/// Host memory; the bytes behind a block are zero.
std::unique_ptr<MemorySource> make_memory_source();
/// Of this machine, as the kernel estimates it: what programs could still use without swapping.
DeviceMemory host_memory();

}  // namespace bnas::cpu
