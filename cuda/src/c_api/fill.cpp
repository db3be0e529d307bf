// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/fill.hpp"

#include "c_api/convert.hpp"

bnas_status_t bnas_fill(float* y, std::int64_t n, float value, bnas_stream_t stream) {
  return bnas::cuda::c_api::to_c(bnas::cuda::fill(y, n, value, stream));
}
