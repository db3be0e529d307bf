/* SPDX-License-Identifier: Apache-2.0 */
/* Bits: packing, exact convolutions and their gradients, batch norm with sign. */
#ifndef BNAS_C_PACKED_H
#define BNAS_C_PACKED_H

#include "bnas/c/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** y[i] = value for i in [0, n). */
bnas_status_t bnas_fill(float* y, int64_t n, float value, bnas_stream_t stream);

/** bits = sign(x) of x (rows, channels); where `mask` is not null, its bit is 1 where |x| <= 1. NaN counts as +1. */
bnas_status_t bnas_pack(const float* x, int64_t rows, int64_t channels, uint32_t* bits, uint32_t* mask,
                        bnas_stream_t stream);
/** y (rows, channels) = -1 for 1 bits, +1 for 0 bits. */
bnas_status_t bnas_unpack(const uint32_t* bits, int64_t rows, int64_t channels, float* y, bnas_stream_t stream);
/** dx = dy where the mask bit is 1, else 0: the straight-through gradient of bnas_pack; added where `accumulate`. */
bnas_status_t bnas_mask_backward(const float* dy, const uint32_t* mask, int64_t rows, int64_t channels, float* dx,
                                 int32_t accumulate, bnas_stream_t stream);

/**
 * y = conv(x, w), exact: x and w bits, y signed integers of bnas_dot_bytes(kh * kw * c) bytes. Where `sums` (2 O) is
 * not null, sums[o] += the sum of y and sums[O + o] += that of y^2 over the pixels of filter o.
 */
bnas_status_t bnas_binary_conv2d(const bnas_conv2d_dims* dims, const uint32_t* x, const uint32_t* w, void* y,
                                 int64_t* sums, bnas_stream_t stream);
bnas_status_t bnas_binary_conv2d_info(const bnas_conv2d_dims* dims, bnas_kernel_info* info);

/** y = one filter per channel, exact: x and w bits, y signed integers of bnas_dot_bytes(kh * kw) bytes. */
bnas_status_t bnas_binary_depthwise_conv2d(const bnas_conv2d_dims* dims, const uint32_t* x, const uint32_t* w, void* y,
                                           bnas_stream_t stream);
bnas_status_t bnas_binary_depthwise_conv2d_info(const bnas_conv2d_dims* dims, bnas_kernel_info* info);

/** How the float gradients of packed convolutions are computed on tensor cores. */
enum bnas_precision {
  BNAS_F32 = 0, /* float products and sums */
  BNAS_BF16 = 1 /* dy rounded to bf16: a relative error up to 2^-8 in each product, a third of the work */
};

/** dx (+)= the gradient of sum(dy * conv(x, w)) with respect to x: w bits (O,KH,KW,C), dy and dx floats. */
bnas_status_t bnas_binary_conv2d_backward_input(const bnas_conv2d_dims* dims, int32_t precision, const float* dy,
                                                const uint32_t* w, float* dx, int32_t accumulate,
                                                const bnas_scratch* scratch, bnas_stream_t stream);
bnas_status_t bnas_binary_conv2d_backward_input_workspace(const bnas_conv2d_dims* dims, int32_t precision,
                                                          size_t* bytes);
/** dw (+)= the gradient with respect to w: x bits (N,H,W,C), dy and dw floats. */
bnas_status_t bnas_binary_conv2d_backward_weight(const bnas_conv2d_dims* dims, int32_t precision, const float* dy,
                                                 const uint32_t* x, float* dw, int32_t accumulate,
                                                 const bnas_scratch* scratch, bnas_stream_t stream);
bnas_status_t bnas_binary_conv2d_backward_weight_workspace(const bnas_conv2d_dims* dims, int32_t precision,
                                                           size_t* bytes);

/** mean and biased variance (channels) of x. */
bnas_status_t bnas_batch_norm_stats(const bnas_number_rows* x, float* mean, float* variance,
                                    const bnas_scratch* scratch, bnas_stream_t stream);
bnas_status_t bnas_batch_norm_stats_workspace(const bnas_number_rows* x, size_t* bytes);
/**
 * bits = sign(y) and, where `mask` is not null, 1 where |y| <= 1, for y = fma(x - mean, gamma * rstd, beta) with
 * rstd = 1 / sqrt(variance + eps); y itself is not stored.
 */
bnas_status_t bnas_batch_norm_sign(const bnas_number_rows* x, const float* mean, const float* variance,
                                   const float* gamma, const float* beta, float eps, uint32_t* bits, uint32_t* mask,
                                   bnas_stream_t stream);

#ifdef __cplusplus
}
#endif

#endif
