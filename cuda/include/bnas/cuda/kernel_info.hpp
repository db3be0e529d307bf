// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace bnas::cuda {

/// What a plan will launch: for reports, and to know which of several variants was measured.
struct KernelInfo {
  const char* variant = "";  ///< static text: method and instruction
  int blocks = 0;
  int threads = 0;  ///< per block
  int shared_bytes = 0;
  int tile_pixels = 0;   ///< output pixels of a block
  int tile_filters = 0;  ///< output channels of a block
};

}  // namespace bnas::cuda
