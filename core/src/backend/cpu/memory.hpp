// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "backend/caching_allocator.hpp"

namespace bnas::cpu {

/// Host memory; the bytes behind a block are zero.
std::unique_ptr<MemorySource> make_memory_source();

}  // namespace bnas::cpu
