// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "bnas/cuda/scratch.hpp"
#include "cuda/support/device_buffer.hpp"

namespace bnas::cuda::test {

/// Scratch of exactly `bytes` between guard bands, with zero tickets and accumulators.
class ScratchMemory {
 public:
  explicit ScratchMemory(std::size_t bytes)
      : data_(DeviceBuffer<unsigned char>::output(bytes)),
        tickets_(DeviceBuffer<unsigned>::input(std::vector<unsigned>(kTickets, 0U))),
        accumulators_(DeviceBuffer<std::int64_t>::input(std::vector<std::int64_t>(kAccumulators, 0))) {}

  Scratch get() const { return {data_.data(), data_.size(), tickets_.data(), accumulators_.data()}; }
  /// Nothing beyond `bytes` was written, and tickets and accumulators are as they were.
  bool is_as_promised() const {
    data_.download();
    return tickets_.download() == std::vector<unsigned>(kTickets, 0U) &&
           accumulators_.download() == std::vector<std::int64_t>(kAccumulators, 0);
  }

 private:
  DeviceBuffer<unsigned char> data_;
  DeviceBuffer<unsigned> tickets_;
  DeviceBuffer<std::int64_t> accumulators_;
};

}  // namespace bnas::cuda::test
