// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace bnas::cuda {

/// Operations that read indices which only the device sees.
enum class IndexCheck : std::int32_t { none, gather_batch, advance_step, labels, embedding };

/// The first index out of range that kernels met, written by the one thread that turned `op` from none. The operation
/// then went on as if that entry were not there. All zero: no error. Whoever owns the memory clears it.
struct DeviceError {
  IndexCheck op;
  std::int32_t position;  ///< of the entry in its tensor
  std::int32_t value;     ///< what it is
  std::int32_t limit;     ///< expected 0 <= value < limit
};

}  // namespace bnas::cuda
