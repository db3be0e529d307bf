/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel library for C and for everything that calls C. Plain C99; needs no header of CUDA.
 *
 *   - Pointers are memory of the current device, but where a comment says host; the stream is the caller's, 0 being the
 *     default one. Nothing is allocated, synchronized, printed or kept, so that each call can be captured in a CUDA
 *     graph, and any thread may call.
 *   - Scratch memory comes from the caller: ask bnas_<operation>_workspace for its bytes first, align it to 256.
 *   - A bad argument is refused before anything is launched; errors of the device come later, from the stream.
 *   - Bit 1 means -1 and bit 0 means +1; channels are the innermost axis, 32 to a word, the first in the lowest bit;
 *     the unused bits of a pixel's last word are 0 (docs/bits.md). Images are NHWC, filters OHWI.
 *
 * What each operation computes is said where its C++ twin is declared, bnas/cuda/<operation>.hpp.
 */
#ifndef BNAS_KERNELS_H
#define BNAS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "bnas/version.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Grows whenever a call or a struct below changes. A library loaded at run time is asked first. */
#define BNAS_ABI_VERSION 1
int32_t bnas_abi_version(void);
/** BNAS_VERSION of the library itself. */
int32_t bnas_version(void);

/** cudaStream_t is the same type. */
typedef struct CUstream_st* bnas_stream_t;

enum bnas_status_code {
  BNAS_OK = 0,
  BNAS_INVALID_ARGUMENT = 1,    /* a shape, pointer or option that the operation does not take */
  BNAS_UNSUPPORTED = 2,         /* valid, but this device or build cannot do it */
  BNAS_WORKSPACE_TOO_SMALL = 3, /* less than bnas_<operation>_workspace says */
  BNAS_CUDA_ERROR = 4,          /* detail is the cudaError_t */
  BNAS_CUBLAS_ERROR = 5,        /* detail is the cublasStatus_t */
  BNAS_CUDNN_ERROR = 6          /* detail is the cudnnStatus_t */
};

/** The outcome of a call: a bnas_status_code, the number of the library below, and static text "operation: what". */
typedef struct bnas_status_t {
  int32_t code;
  int32_t detail;
  const char* message;
} bnas_status_t;

/** Writes the text of a status to `buffer` (host, `size` bytes), cut to fit, terminated; returns its whole length. */
size_t bnas_status_string(bnas_status_t status, char* buffer, size_t size);

/** How repeatable the results of a kernel are. */
enum bnas_determinism {
  BNAS_EXACT = 0,      /* integers or bits: the same on every device */
  BNAS_FIXED_ORDER = 1 /* float sums in one order: the same bits on every run of one variant */
};

/** What a call would launch. Texts are static. */
typedef struct bnas_kernel_info {
  const char* operation;
  const char* variant; /* method and instruction */
  int32_t determinism; /* bnas_determinism */
  int32_t blocks;
  int32_t threads; /* per block */
  int32_t shared_bytes;
} bnas_kernel_info;

/**
 * A convolution: x (N,H,W,C), w (O,KH,KW,C), y (N,OH,OW,O) with OH = (h + pad_top + pad_bottom - kh) / stride_h + 1,
 * and OW alike. Negative pad_top or pad_left skips pixels. Outside the image is nothing (exact zero padding), or +1
 * where pad_one is not 0. Depthwise: o == c and w (KH,KW,C).
 */
typedef struct bnas_conv2d_dims {
  int32_t n, h, w, c;
  int32_t o, kh, kw;
  int32_t stride_h, stride_w;
  int32_t pad_top, pad_bottom, pad_left, pad_right;
  int32_t pad_one;
} bnas_conv2d_dims;

/** Bytes of a dot product of k terms: 1 for k <= 127, 2 for k <= 32767, else 4. */
int32_t bnas_dot_bytes(int64_t k);

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

/** Scratch memory of a call: `data` of any content, and tickets that are zero between calls. */
typedef struct bnas_scratch {
  void* data;
  size_t bytes;
  uint32_t* tickets; /* BNAS_TICKETS zeros at first; every call leaves them zero; calls on one stream may share them */
} bnas_scratch;
#define BNAS_TICKETS 1024

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

/** Types of the numbers that batch norm reads: floats, or dot products. */
enum bnas_number_type { BNAS_NUMBER_F32 = 0, BNAS_NUMBER_I8 = 1, BNAS_NUMBER_I16 = 2, BNAS_NUMBER_I32 = 3 };

/** (rows, channels) numbers of a bnas_number_type. */
typedef struct bnas_number_rows {
  const void* data;
  int32_t type;
  int64_t rows, channels;
} bnas_number_rows;

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
