// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/sign.hpp"

#include "c_api/convert.hpp"

namespace cuda = bnas::cuda;
using cuda::c_api::to_c;

bnas_status_t bnas_pack(const float* x, std::int64_t rows, std::int64_t channels, std::uint32_t* bits,
                        std::uint32_t* mask, bnas_stream_t stream) {
  return to_c(cuda::sign(x, rows, channels, bits, mask, stream));
}

bnas_status_t bnas_unpack(const std::uint32_t* bits, std::int64_t rows, std::int64_t channels, float* y,
                          bnas_stream_t stream) {
  return to_c(cuda::unpack(bits, rows, channels, y, stream));
}

bnas_status_t bnas_mask_backward(const float* dy, const std::uint32_t* mask, std::int64_t rows, std::int64_t channels,
                                 float* dx, std::int32_t accumulate, bnas_stream_t stream) {
  return to_c(cuda::mask_backward(dy, mask, rows, channels, dx, accumulate != 0, stream));
}
