/* SPDX-License-Identifier: Apache-2.0 */
/* Layers on floats: convolutions with an operand of floats or bits, pools, batch norm, maps, channels, rows. */
#ifndef BNAS_C_LAYERS_H
#define BNAS_C_LAYERS_H

#include "bnas/c/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Floats or bits: one of both is null. */
typedef struct bnas_operand {
  const float* floats;
  const uint32_t* bits;
} bnas_operand;

enum bnas_conv2d_pass { BNAS_FORWARD = 0, BNAS_BACKWARD_INPUT = 1, BNAS_BACKWARD_WEIGHT = 2 };

/**
 * Convolutions on CUDA cores, f32, dense or depthwise; bnas_binary_conv2d_backward_* use tensor cores where they can.
 * y = conv(x, w): x floats, w of either kind, as in the stem of a binarized network.
 */
bnas_status_t bnas_conv2d(const bnas_conv2d_dims* dims, int32_t depthwise, const float* x, const bnas_operand* w,
                          float* y, const bnas_scratch* scratch, bnas_stream_t stream);
/** dx = the gradient of sum(dy * y) with respect to x. */
bnas_status_t bnas_conv2d_backward_input(const bnas_conv2d_dims* dims, int32_t depthwise, const float* dy,
                                         const bnas_operand* w, float* dx, int32_t accumulate,
                                         const bnas_scratch* scratch, bnas_stream_t stream);
/** dw = the gradient with respect to w: x of either kind. */
bnas_status_t bnas_conv2d_backward_weight(const bnas_conv2d_dims* dims, int32_t depthwise, const float* dy,
                                          const bnas_operand* x, float* dw, int32_t accumulate,
                                          const bnas_scratch* scratch, bnas_stream_t stream);
/** Bytes of a bnas_conv2d_pass; `bits` is not 0 where the operand is packed. */
bnas_status_t bnas_conv2d_workspace(const bnas_conv2d_dims* dims, int32_t depthwise, int32_t pass, int32_t bits,
                                    size_t* bytes);

/** Largest value inside the image; of bits their AND. */
bnas_status_t bnas_max_pool(const float* x, const bnas_pool2d_dims* dims, float* y, bnas_stream_t stream);
bnas_status_t bnas_max_pool_bits(const uint32_t* x, const bnas_pool2d_dims* dims, uint32_t* y, bnas_stream_t stream);
/** dx = dy at the first largest of each window, else 0. */
bnas_status_t bnas_max_pool_backward(const float* dy, const float* x, const bnas_pool2d_dims* dims, float* dx,
                                     int32_t accumulate, bnas_stream_t stream);
bnas_status_t bnas_max_pool_bits_backward(const float* dy, const uint32_t* x, const bnas_pool2d_dims* dims, float* dx,
                                          int32_t accumulate, bnas_stream_t stream);
/** Mean over the taps inside the image. */
bnas_status_t bnas_avg_pool(const float* x, const bnas_pool2d_dims* dims, float* y, bnas_stream_t stream);
bnas_status_t bnas_avg_pool_bits(const uint32_t* x, const bnas_pool2d_dims* dims, float* y, bnas_stream_t stream);
bnas_status_t bnas_avg_pool_backward(const float* dy, const bnas_pool2d_dims* dims, float* dx, int32_t accumulate,
                                     bnas_stream_t stream);

/** y (rows, channels) = fma(x - mean, gamma / sqrt(variance + eps), beta). */
bnas_status_t bnas_batch_norm_apply(const bnas_number_rows* x, const float* mean, const float* variance,
                                    const float* gamma, const float* beta, float eps, float* y, bnas_stream_t stream);

/** Batch norm backward. Outputs that are null are not wanted; `accumulate_*` as elsewhere. */
typedef struct bnas_batch_norm_backward_call {
  bnas_number_rows x;
  const float* dy;      /* (rows, channels) */
  const uint32_t* mask; /* of bnas_batch_norm_sign: dy counts where its bit is 1; null: everywhere */
  const float* mean;
  const float* variance;
  const float* gamma;
  float eps;
  int32_t frozen; /* not 0: mean and variance do not depend on x */
  float* dx;      /* (rows, channels) */
  float* dgamma;
  float* dbeta;
  int32_t accumulate_dx, accumulate_dgamma, accumulate_dbeta;
} bnas_batch_norm_backward_call;
bnas_status_t bnas_batch_norm_backward(const bnas_batch_norm_backward_call* call, const bnas_scratch* scratch,
                                       bnas_stream_t stream);
bnas_status_t bnas_batch_norm_backward_workspace(const bnas_batch_norm_backward_call* call, size_t* bytes);

/** Pseudo-gradients of sign. */
enum bnas_pseudo_gradient { BNAS_STE_SIGN = 0, BNAS_APPROX_SIGN = 1, BNAS_SWISH_SIGN = 2 };
/** dx = dy * pseudo-gradient(x) of n numbers. */
bnas_status_t bnas_sign_backward(const float* dy, const float* x, int64_t n, int32_t pseudo_gradient, float* dx,
                                 int32_t accumulate, bnas_stream_t stream);
/** y = x as floats: n numbers of an integer bnas_number_type. */
bnas_status_t bnas_to_float(const void* x, int32_t number_type, int64_t n, float* y, bnas_stream_t stream);

/** Maps of n floats; y may be an input. y = a + b; factor * x; 1 / (1 + exp(-x)); max(x, 0). */
bnas_status_t bnas_add(const float* a, const float* b, int64_t n, float* y, bnas_stream_t stream);
bnas_status_t bnas_scale(const float* x, int64_t n, float factor, float* y, int32_t accumulate, bnas_stream_t stream);
bnas_status_t bnas_sigmoid(const float* x, int64_t n, float* y, bnas_stream_t stream);
bnas_status_t bnas_sigmoid_backward(const float* dy, const float* y, int64_t n, float* dx, int32_t accumulate,
                                    bnas_stream_t stream);
bnas_status_t bnas_relu(const float* x, int64_t n, float* y, bnas_stream_t stream);
bnas_status_t bnas_relu_backward(const float* dy, const float* y, int64_t n, float* dx, int32_t accumulate,
                                 bnas_stream_t stream);

/**
 * Dropout: y[i] = u_i >= rate ? scale * x[i] : 0, where u_i is number i of the stream that `step` (device) and `site`,
 * the number of the operation in the network, name. Backward is the same call on dy.
 */
bnas_status_t bnas_dropout(const float* x, int64_t n, const bnas_step_values* step, uint64_t site, float rate,
                           float scale, float* y, int32_t accumulate, bnas_stream_t stream);

/** y = x + bias in every row of (rows, columns), and sums (columns) = sum over rows. */
bnas_status_t bnas_add_bias(const float* x, const float* bias, int64_t rows, int32_t columns, float* y,
                            bnas_stream_t stream);
bnas_status_t bnas_sum_rows(const float* x, int64_t rows, int32_t columns, float* sums, int32_t accumulate,
                            bnas_stream_t stream);
/** y (count, columns, rows) = x (count, rows, columns) transposed; not in place. */
bnas_status_t bnas_transpose(const float* x, int64_t count, int32_t rows, int32_t columns, float* y,
                             bnas_stream_t stream);

/** Inputs of a concatenation along channels, host arrays of `count` entries, at most BNAS_CONCAT_INPUTS. */
#define BNAS_CONCAT_INPUTS 64
typedef struct bnas_concat_inputs {
  const bnas_operand* x; /* (rows, channels) each */
  const int64_t* channels;
  int32_t count;
} bnas_concat_inputs;
bnas_status_t bnas_concat_floats(const bnas_concat_inputs* inputs, int64_t rows, float* y, bnas_stream_t stream);
bnas_status_t bnas_concat_bits(const bnas_concat_inputs* inputs, int64_t rows, uint32_t* y, bnas_stream_t stream);
/** dx (rows, width) = dy (rows, channels)[:, begin : begin + width]. */
bnas_status_t bnas_slice_channels(const float* dy, int64_t rows, int64_t channels, int64_t begin, int64_t width,
                                  float* dx, int32_t accumulate, bnas_stream_t stream);

#ifdef __cplusplus
}
#endif

#endif
