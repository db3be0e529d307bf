// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace bnas::fuzz {

/// While one lives, a single `new` above `bytes` throws OverAllocation in this thread. One at a time.
class AllocationLimit {
 public:
  explicit AllocationLimit(std::size_t bytes);
  ~AllocationLimit();
  AllocationLimit(const AllocationLimit&) = delete;
  AllocationLimit& operator=(const AllocationLimit&) = delete;
};

/// What was asked for. No std::bad_alloc, so that no reader takes it for a full machine.
struct OverAllocation {
  std::size_t bytes;
};

}  // namespace bnas::fuzz
