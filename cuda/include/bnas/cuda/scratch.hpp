// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

namespace bnas::cuda {

/// Tickets that sums over several blocks may use at once; see Scratch.
inline constexpr int kTickets = 1024;

/// Integers that blocks of a launch may add up at once; see Scratch.
inline constexpr int kAccumulators = 8192;

/// Memory lent to a call until the work that it enqueued has run. Calls on one stream may share it.
struct Scratch {
  void* data = nullptr;  ///< 256-byte aligned, of any content
  std::size_t bytes = 0;
  /// kTickets zeros: blocks of a sum draw them, and the last one finishes it. Each launch leaves them zero again.
  unsigned* tickets = nullptr;
  /// kAccumulators zeros, left zero likewise; only for calls that ask for them.
  std::int64_t* accumulators = nullptr;
};

}  // namespace bnas::cuda
