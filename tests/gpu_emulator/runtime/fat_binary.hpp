// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bnas::emu {

/// One PTX text that nvcc embedded.
struct PtxImage {
  int capability = 0;   // of its .target, as 80
  bool exact = false;   // "sm_90a", "sm_100f": for that capability alone
  std::string problem;  // why it cannot be used, empty when it can
  std::string_view text;
};

/// The PTX texts in what __cudaRegisterFatBinary is given.
std::vector<PtxImage> embedded_ptx(const void* wrapper);

/// The one for the largest capability <= `capability`. Throws ApiError (cudaErrorNoKernelImageForDevice,
/// cudaErrorInvalidKernelImage) that says what is embedded instead.
const PtxImage& choose_ptx(const std::vector<PtxImage>& images, int capability);

}  // namespace bnas::emu
