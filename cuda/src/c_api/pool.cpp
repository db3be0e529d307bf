// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/pool.hpp"

#include "c_api/convert.hpp"

namespace cuda = bnas::cuda;

namespace {

template <class Call>
bnas_status_t with_dims(const bnas_pool2d_dims* dims, Call call) {
  return cuda::c_api::with(dims, "pool: dims is null",
                           [&](const bnas_pool2d_dims& d) { return call(cuda::c_api::from_c(d)); });
}

}  // namespace

bnas_status_t bnas_max_pool(const float* x, const bnas_pool2d_dims* dims, float* y, bnas_stream_t stream) {
  return with_dims(dims, [&](const bnas::Pool2dDims& d) { return cuda::max_pool(x, d, y, stream); });
}

bnas_status_t bnas_max_pool_bits(const std::uint32_t* x, const bnas_pool2d_dims* dims, std::uint32_t* y,
                                 bnas_stream_t stream) {
  return with_dims(dims, [&](const bnas::Pool2dDims& d) { return cuda::max_pool(x, d, y, stream); });
}

bnas_status_t bnas_max_pool_backward(const float* dy, const float* x, const bnas_pool2d_dims* dims, float* dx,
                                     std::int32_t accumulate, bnas_stream_t stream) {
  return with_dims(
      dims, [&](const bnas::Pool2dDims& d) { return cuda::max_pool_backward(dy, x, d, dx, accumulate != 0, stream); });
}

bnas_status_t bnas_max_pool_bits_backward(const float* dy, const std::uint32_t* x, const bnas_pool2d_dims* dims,
                                          float* dx, std::int32_t accumulate, bnas_stream_t stream) {
  return with_dims(
      dims, [&](const bnas::Pool2dDims& d) { return cuda::max_pool_backward(dy, x, d, dx, accumulate != 0, stream); });
}

bnas_status_t bnas_avg_pool(const float* x, const bnas_pool2d_dims* dims, float* y, bnas_stream_t stream) {
  return with_dims(dims, [&](const bnas::Pool2dDims& d) { return cuda::avg_pool(x, d, y, stream); });
}

bnas_status_t bnas_avg_pool_bits(const std::uint32_t* x, const bnas_pool2d_dims* dims, float* y, bnas_stream_t stream) {
  return with_dims(dims, [&](const bnas::Pool2dDims& d) { return cuda::avg_pool(x, d, y, stream); });
}

bnas_status_t bnas_avg_pool_backward(const float* dy, const bnas_pool2d_dims* dims, float* dx, std::int32_t accumulate,
                                     bnas_stream_t stream) {
  return with_dims(
      dims, [&](const bnas::Pool2dDims& d) { return cuda::avg_pool_backward(dy, d, dx, accumulate != 0, stream); });
}
