/* SPDX-License-Identifier: Apache-2.0 */
/* What all calls of the C interface share; bnas/kernels.h says what they promise. */
#ifndef BNAS_C_TYPES_H
#define BNAS_C_TYPES_H

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

/** Scratch memory of a call: `data` of any content, and tickets that are zero between calls. */
typedef struct bnas_scratch {
  void* data;
  size_t bytes;
  uint32_t* tickets; /* BNAS_TICKETS zeros at first; every call leaves them zero; calls on one stream may share them */
} bnas_scratch;
#define BNAS_TICKETS 1024

/** Types of numbers that a call may read: floats, or dot products. */
enum bnas_number_type { BNAS_NUMBER_F32 = 0, BNAS_NUMBER_I8 = 1, BNAS_NUMBER_I16 = 2, BNAS_NUMBER_I32 = 3 };

/** (rows, channels) numbers of a bnas_number_type. */
typedef struct bnas_number_rows {
  const void* data;
  int32_t type;
  int64_t rows, channels;
} bnas_number_rows;

/** A pool: x (N,H,W,C), y (N,OH,OW,C) as with bnas_conv2d_dims. Every window must have a tap inside its image. */
typedef struct bnas_pool2d_dims {
  int32_t n, h, w, c;
  int32_t kh, kw;
  int32_t stride_h, stride_w;
  int32_t pad_top, pad_bottom, pad_left, pad_right;
} bnas_pool2d_dims;

/** A stream of random numbers (Philox4x32-10): seed, stream and purpose name it, 0 < purpose < 256. */
typedef struct bnas_random_key {
  uint64_t seed;
  uint64_t stream; /* below 2^56 */
  uint32_t purpose;
} bnas_random_key;

/** What changes from one training step to the next; kernels read it from device memory, so that a graph can be
 * replayed. */
typedef struct bnas_step_values {
  float lr;
  double bias_correction; /* bnas_adam_bias_correction of this step */
  int64_t first_row;      /* of this step's batch in the order of the epoch */
  bnas_random_key random;
} bnas_step_values;

/** Operations that read indices which only the device sees. */
enum bnas_index_check {
  BNAS_CHECK_NONE = 0,
  BNAS_CHECK_GATHER_BATCH = 1,
  BNAS_CHECK_ADVANCE_STEP = 2,
  BNAS_CHECK_LABELS = 3,
  BNAS_CHECK_EMBEDDING = 4
};

/**
 * The first index out of range that kernels met, in device memory: all zero where there is none, cleared by the caller.
 * The operation then goes on as if that entry were not there. Where a call takes one it may be null.
 */
typedef struct bnas_device_error {
  int32_t op;       /* bnas_index_check */
  int32_t position; /* of the entry in its tensor */
  int32_t value;    /* what it is */
  int32_t limit;    /* expected 0 <= value < limit */
} bnas_device_error;

#ifdef __cplusplus
}
#endif

#endif
