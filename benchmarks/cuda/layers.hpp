// SPDX-License-Identifier: Apache-2.0
// The convolutions that are measured.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "bnas/portable/dims.hpp"

namespace bnas::bench {

/// Batch, image side, channels, filters, kernel, stride; SAME padding.
inline Conv2dDims same(int n, int side, int c, int o, int kernel, int stride) {
  Conv2dDims d;
  d.n = n;
  d.h = d.w = side;
  d.c = c;
  d.o = o;
  d.kh = d.kw = kernel;
  d.stride_h = d.stride_w = stride;
  d.pad_h = d.pad_w = same_pad(side, kernel, stride);
  return d;
}

/// The reference child (flat space, filters 16/24/32, batch 128), then stride 1 with more and more channels.
inline std::vector<Conv2dDims> measured_layers() {
  return {same(128, 14, 32, 24, 3, 2),  same(128, 14, 32, 24, 5, 2),   same(128, 7, 48, 32, 3, 2),
          same(128, 1, 1024, 32, 1, 1), same(128, 14, 16, 16, 3, 1),   same(128, 14, 32, 32, 3, 1),
          same(128, 16, 64, 64, 3, 1),  same(128, 16, 128, 128, 3, 1), same(128, 16, 256, 256, 3, 1)};
}

/// "128x14x14x32-24/3x3s2".
inline std::string text(const Conv2dDims& d) {
  char buffer[96];
  std::snprintf(buffer, sizeof buffer, "%dx%dx%dx%d-%d/%dx%ds%d", d.n, d.h, d.w, d.c, d.o, d.kh, d.kw, d.stride_h);
  return buffer;
}

inline std::int64_t inputs(const Conv2dDims& d) { return std::int64_t{d.n} * d.h * d.w * d.c; }
inline std::int64_t weights(const Conv2dDims& d) { return std::int64_t{d.o} * d.kh * d.kw * d.c; }
inline std::int64_t outputs(const Conv2dDims& d) { return std::int64_t{d.n} * d.oh() * d.ow() * d.o; }
inline std::int64_t packed_inputs(const Conv2dDims& d) { return std::int64_t{d.n} * d.h * d.w * words_for(d.c); }
inline std::int64_t packed_weights(const Conv2dDims& d) { return std::int64_t{d.o} * d.kh * d.kw * words_for(d.c); }

}  // namespace bnas::bench
