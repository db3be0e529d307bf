// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "bnas/cuda/scratch.hpp"
#include "cuda/support/device_buffer.hpp"

namespace bnas::cuda::test {

/// Scratch of exactly `bytes` between guard bands, with zero tickets.
class ScratchMemory {
 public:
  explicit ScratchMemory(std::size_t bytes)
      : data_(DeviceBuffer<unsigned char>::output(bytes)),
        tickets_(DeviceBuffer<unsigned>::input(std::vector<unsigned>(kTickets, 0U))) {}

  Scratch get() const { return {data_.data(), data_.size(), tickets_.data()}; }
  /// Nothing beyond `bytes` was written, and the tickets are as they were.
  bool is_as_promised() const {
    data_.download();
    return tickets_.download() == std::vector<unsigned>(kTickets, 0U);
  }

 private:
  DeviceBuffer<unsigned char> data_;
  DeviceBuffer<unsigned> tickets_;
};

}  // namespace bnas::cuda::test
