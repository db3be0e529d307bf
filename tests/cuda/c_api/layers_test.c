/* SPDX-License-Identifier: Apache-2.0 */
/* bnas/c/layers.h against arithmetic on the host in double. */
#include <bnas/kernels.h>

#include "device.h"
#include "philox.h"

/* x (1,3,4,2), no two values equal. */
static const float image[24] = {3, -7, 12, 5, -1, 9, 4, -11, 8, 2, -5, 10, 6, 1, -9, 11, 7, -3, -2, 13, 0, -4, 14, -6};

static double at(int row, int column, int channel) { return (double)image[(row * 4 + column) * 2 + channel]; }

/* Windows of 2x3 moved by 1 down and 2 to the right, a column of padding on the left: OH = 2, OW = 2. */
static const bnas_pool2d_dims windows = {1, 3, 4, 2, 2, 3, 1, 2, 0, 0, 1, 0};

static void pools(void) {
  const float dy[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  double largest[8], mean[8], to_largest[24] = {0}, to_all[24] = {0};
  float *x = ON_DEVICE(image), *d_dy = ON_DEVICE(dy), *y = room(sizeof dy), *dx = room(sizeof image);
  for (int o = 0; o < 8; ++o) {
    const int channel = o % 2, left = o / 2 % 2 * 2 - 1, top = o / 4;
    int first = -1, taps = 0;
    mean[o] = 0.0;
    for (int row = top; row < top + 2; ++row) {
      for (int column = left < 0 ? 0 : left; column < left + 3; ++column, ++taps) {
        mean[o] += at(row, column, channel);
        if (first < 0 || at(row, column, channel) > (double)image[first]) {
          first = (row * 4 + column) * 2 + channel;
        }
      }
    }
    mean[o] /= taps;
    largest[o] = (double)image[first];
    to_largest[first] += (double)dy[o];
    for (int row = top; row < top + 2; ++row) {
      for (int column = left < 0 ? 0 : left; column < left + 3; ++column) {
        to_all[(row * 4 + column) * 2 + channel] += (double)dy[o] / taps;
      }
    }
  }
  require_ok(bnas_max_pool(x, &windows, y, NULL));
  expect_floats(y, largest, 8, 0.0, "max_pool");
  require_ok(bnas_avg_pool(x, &windows, y, NULL));
  expect_floats(y, mean, 8, 1e-6, "avg_pool");
  require_ok(bnas_max_pool_backward(d_dy, x, &windows, dx, 0, NULL));
  expect_floats(dx, to_largest, 24, 0.0, "max_pool_backward");
  require_ok(bnas_avg_pool_backward(d_dy, &windows, dx, 0, NULL));
  expect_floats(dx, to_all, 24, 1e-6, "avg_pool_backward");
  expect(bnas_max_pool(x, NULL, y, NULL).code == BNAS_INVALID_ARGUMENT, "null dims are refused");
}

/* 1x2 pixels of 2 channels, pooled into one: -1 +1 and -1 -1. */
static void pools_of_bits(void) {
  const bnas_pool2d_dims dims = {1, 1, 2, 2, 1, 2, 1, 1, 0, 0, 0, 0};
  const uint32_t bits[2] = {1U, 3U};
  const float dy[2] = {5, 6};
  const int32_t largest[1] = {1};
  const double mean[2] = {-1, 0}, dx_want[4] = {5, 6, 0, 0};
  uint32_t *x = ON_DEVICE(bits), *y = room(4);
  float *d_dy = ON_DEVICE(dy), *means = room(8), *dx = room(16);
  require_ok(bnas_max_pool_bits(x, &dims, y, NULL));
  expect_ints((const int32_t *)y, largest, 1, "max_pool_bits");
  require_ok(bnas_avg_pool_bits(x, &dims, means, NULL));
  expect_floats(means, mean, 2, 0.0, "avg_pool_bits");
  require_ok(bnas_max_pool_bits_backward(d_dy, x, &dims, dx, 0, NULL));
  expect_floats(dx, dx_want, 4, 0.0, "max_pool_bits_backward");
}

/* 1x2 filters over the image, 3 of them, with weights of -1 and +1 as floats and as bits. */
static void convolutions(void) {
  const bnas_conv2d_dims dims = {1, 3, 4, 2, 3, 1, 2, 1, 1, 0, 0, 0, 0, 0};
  const float w[12] = {1, -1, -1, 1, 1, 1, -1, -1, -1, -1, -1, 1};
  uint32_t packed[6] = {0};
  float dy[27];
  double y_want[27], dx_want[24] = {0}, dw_want[12] = {0};
  size_t bytes = 0, most = 0;
  for (int i = 0; i < 12; ++i) {
    packed[i / 2] |= (uint32_t)(w[i] < 0.0F) << i % 2;
  }
  for (int i = 0; i < 27; ++i) {
    const int o = i % 3, pixel = i / 3 / 3 * 4 + i / 3 % 3;
    dy[i] = (float)(i % 7 - 3);
    y_want[i] = 0.0;
    for (int k = 0; k < 4; ++k) { /* two pixels of two channels lie side by side */
      y_want[i] += (double)w[o * 4 + k] * (double)image[pixel * 2 + k];
      dx_want[pixel * 2 + k] += (double)w[o * 4 + k] * (double)dy[i];
      dw_want[o * 4 + k] += (double)image[pixel * 2 + k] * (double)dy[i];
    }
  }
  float *x = ON_DEVICE(image), *d_dy = ON_DEVICE(dy), *y = room(sizeof dy), *dx = room(sizeof image);
  float *dw = room(sizeof w);
  const bnas_operand filters[2] = {{ON_DEVICE(w), NULL}, {NULL, ON_DEVICE(packed)}};
  const bnas_operand input = {x, NULL}, both = {x, filters[1].bits};
  for (int bits = 0; bits < 2; ++bits) {
    for (int pass = BNAS_FORWARD; pass <= BNAS_BACKWARD_WEIGHT; ++pass) {
      require_ok(bnas_conv2d_workspace(&dims, 0, pass, bits, &bytes));
      most = bytes > most ? bytes : most;
    }
  }
  const bnas_scratch scratch = scratch_of(most);
  for (int bits = 0; bits < 2; ++bits) {
    require_ok(bnas_conv2d(&dims, 0, x, &filters[bits], y, &scratch, NULL));
    expect_floats(y, y_want, 27, 0.0, "conv2d");
    require_ok(bnas_conv2d_backward_input(&dims, 0, d_dy, &filters[bits], dx, 0, &scratch, NULL));
    expect_floats(dx, dx_want, 24, 0.0, "conv2d_backward_input");
  }
  require_ok(bnas_conv2d_backward_weight(&dims, 0, d_dy, &input, dw, 0, &scratch, NULL));
  expect_floats(dw, dw_want, 12, 0.0, "conv2d_backward_weight");
  expect(bnas_conv2d(&dims, 0, x, &both, y, &scratch, NULL).code == BNAS_INVALID_ARGUMENT, "one kind of operand");
  expect(bnas_conv2d_workspace(&dims, 0, 3, 0, &bytes).code == BNAS_INVALID_ARGUMENT, "a pass of the enum");
}

/* Four rows of two channels of i8; the second gradient passes the mask in two rows only. */
static void batch_norm(void) {
  const int8_t numbers[8] = {1, 4, 3, -2, 5, 0, -5, 6};
  const float dy[8] = {1, 2, -1, 3, 0.5F, -2, 2, 1}, mean[2] = {1, 2}, variance[2] = {14, 10}, gamma[2] = {2, -1};
  const float beta[2] = {0.5F, 1};
  const uint32_t mask[4] = {3, 1, 2, 3};
  const double eps = 0.25;
  double y_want[8], dx_want[8], dgamma_want[2] = {0}, dbeta_want[2] = {0};
  size_t bytes = 0;
  for (int i = 0; i < 8; ++i) {
    const int c = i % 2;
    const double xhat = ((double)numbers[i] - (double)mean[c]) / sqrt((double)variance[c] + eps);
    const double passed = mask[i / 2] >> c & 1U ? (double)dy[i] : 0.0;
    y_want[i] = (double)gamma[c] * xhat + (double)beta[c];
    dgamma_want[c] += passed * xhat;
    dbeta_want[c] += passed;
  }
  for (int i = 0; i < 8; ++i) {
    const int c = i % 2;
    const double rstd = 1.0 / sqrt((double)variance[c] + eps);
    const double xhat = ((double)numbers[i] - (double)mean[c]) * rstd;
    const double passed = mask[i / 2] >> c & 1U ? (double)dy[i] : 0.0;
    dx_want[i] = (double)gamma[c] * rstd * (passed - dbeta_want[c] / 4.0 - xhat * dgamma_want[c] / 4.0);
  }
  const bnas_number_rows x = {ON_DEVICE(numbers), BNAS_NUMBER_I8, 4, 2};
  float *d_mean = ON_DEVICE(mean), *d_variance = ON_DEVICE(variance), *d_gamma = ON_DEVICE(gamma);
  float *y = room(32), *dx = room(32), *dgamma = room(8), *dbeta = room(8);
  require_ok(bnas_batch_norm_apply(&x, d_mean, d_variance, d_gamma, ON_DEVICE(beta), 0.25F, y, NULL));
  expect_floats(y, y_want, 8, 1e-6, "batch_norm_apply");
  bnas_batch_norm_backward_call call = {0};
  call.x = x, call.dy = ON_DEVICE(dy), call.mask = ON_DEVICE(mask), call.mean = d_mean, call.variance = d_variance;
  call.gamma = d_gamma, call.eps = 0.25F, call.dx = dx, call.dgamma = dgamma, call.dbeta = dbeta;
  require_ok(bnas_batch_norm_backward_workspace(&call, &bytes));
  const bnas_scratch scratch = scratch_of(bytes);
  require_ok(bnas_batch_norm_backward(&call, &scratch, NULL));
  expect_floats(dx, dx_want, 8, 1e-6, "batch_norm_backward: dx");
  expect_floats(dgamma, dgamma_want, 2, 1e-6, "batch_norm_backward: dgamma");
  expect_floats(dbeta, dbeta_want, 2, 1e-6, "batch_norm_backward: dbeta");
  expect(bnas_batch_norm_backward(NULL, &scratch, NULL).code == BNAS_INVALID_ARGUMENT, "a null call is refused");
}

static void maps(void) {
  enum { N = 6 };
  const float a[N] = {-2, -0.5F, 0, 0.25F, 1, 3}, b[N] = {1, 2, 3, 4, 5, -6};
  const int16_t counts[N] = {-300, -1, 0, 1, 2, 300};
  double sum[N], scaled[N], logistic[N], positive[N], signs[N], floats[N], logistic_slope[N], positive_slope[N];
  float *x = ON_DEVICE(a), *dy = ON_DEVICE(b), *y = room(sizeof a), *dx = room(sizeof a);
  for (int i = 0; i < N; ++i) {
    const double v = (double)a[i], upstream = (double)b[i];
    sum[i] = v + upstream;
    scaled[i] = v + upstream + 3.0 * v;
    logistic[i] = 1.0 / (1.0 + exp(-v));
    logistic_slope[i] = upstream * logistic[i] * (1.0 - logistic[i]);
    positive[i] = v > 0.0 ? v : 0.0;
    positive_slope[i] = v > 0.0 ? upstream : 0.0;
    signs[i] = upstream * fmax(0.0, 2.0 - 2.0 * fabs(v));
    floats[i] = counts[i];
  }
  require_ok(bnas_add(x, dy, N, y, NULL));
  expect_floats(y, sum, N, 0.0, "add");
  require_ok(bnas_scale(x, N, 3.0F, y, 1, NULL));
  expect_floats(y, scaled, N, 0.0, "scale added");
  require_ok(bnas_sigmoid(x, N, y, NULL));
  expect_floats(y, logistic, N, 1e-6, "sigmoid");
  require_ok(bnas_sigmoid_backward(dy, y, N, dx, 0, NULL));
  expect_floats(dx, logistic_slope, N, 1e-6, "sigmoid_backward");
  require_ok(bnas_relu(x, N, y, NULL));
  expect_floats(y, positive, N, 0.0, "relu");
  require_ok(bnas_relu_backward(dy, y, N, dx, 0, NULL));
  expect_floats(dx, positive_slope, N, 0.0, "relu_backward");
  require_ok(bnas_sign_backward(dy, x, N, BNAS_APPROX_SIGN, dx, 0, NULL));
  expect_floats(dx, signs, N, 0.0, "sign_backward");
  require_ok(bnas_to_float(ON_DEVICE(counts), BNAS_NUMBER_I16, N, y, NULL));
  expect_floats(y, floats, N, 0.0, "to_float");
  expect(bnas_to_float(x, BNAS_NUMBER_F32, N, y, NULL).code == BNAS_INVALID_ARGUMENT, "floats are floats");
  expect(bnas_sign_backward(dy, x, N, 3, dx, 0, NULL).code == BNAS_INVALID_ARGUMENT, "a pseudo-gradient of the enum");
}

static void dropout(void) {
  const bnas_step_values step = {0.0F, 1.0, 0, {42, 7, 6}};
  const bnas_random_key key = philox_of_site(&step.random, 5, 3);
  float x[32];
  double want[32];
  int kept = 0;
  for (int i = 0; i < 32; ++i) {
    x[i] = (float)(i + 1);
    const int keep = (float)(philox_bits(&key, (uint64_t)i) >> 8) * 0x1.0p-24F >= 0.5F;
    kept += keep;
    want[i] = keep ? 2.0 * (double)x[i] : 0.0;
  }
  float *y = room(sizeof x);
  require_ok(bnas_dropout(ON_DEVICE(x), 32, to_device(&step, sizeof step), 5, 0.5F, 2.0F, y, 0, NULL));
  expect_floats(y, want, 32, 0.0, "dropout");
  expect(kept > 4 && kept < 28, "some are kept, some are not");
}

/* (2, 3) matrices; channels side by side and apart again. */
static void rows_and_channels(void) {
  const float x[6] = {1, 2, 3, 4, 5, 6}, bias[3] = {10, 20, 30}, narrow[2] = {7, 8};
  const uint32_t five[2] = {0x15, 0x0A}, three[2] = {0x5, 0x2};
  const double biased[6] = {11, 22, 33, 14, 25, 36}, sums[3] = {5, 7, 9}, transposed[6] = {1, 4, 2, 5, 3, 6};
  const double beside[8] = {1, 2, 3, 7, 4, 5, 6, 8}, middle[4] = {2, 3, 5, 6};
  const int32_t bits_beside[2] = {0x15 | 0x5 << 5, 0x0A | 0x2 << 5};
  const int64_t widths[2] = {3, 1}, bit_widths[2] = {5, 3};
  float *d_x = ON_DEVICE(x), *y = room(64);
  uint32_t *bits = room(8);
  require_ok(bnas_add_bias(d_x, ON_DEVICE(bias), 2, 3, y, NULL));
  expect_floats(y, biased, 6, 0.0, "add_bias");
  require_ok(bnas_sum_rows(d_x, 2, 3, y, 0, NULL));
  expect_floats(y, sums, 3, 0.0, "sum_rows");
  require_ok(bnas_transpose(d_x, 1, 2, 3, y, NULL));
  expect_floats(y, transposed, 6, 0.0, "transpose");
  const bnas_operand floats[2] = {{d_x, NULL}, {ON_DEVICE(narrow), NULL}};
  const bnas_operand packed[2] = {{NULL, ON_DEVICE(five)}, {NULL, ON_DEVICE(three)}};
  bnas_concat_inputs inputs = {floats, widths, 2};
  const bnas_concat_inputs of_bits = {packed, bit_widths, 2};
  require_ok(bnas_concat_floats(&inputs, 2, y, NULL));
  expect_floats(y, beside, 8, 0.0, "concat_floats");
  require_ok(bnas_concat_bits(&of_bits, 2, bits, NULL));
  expect_ints((const int32_t *)bits, bits_beside, 2, "concat_bits");
  require_ok(bnas_slice_channels(d_x, 2, 3, 1, 2, y, 0, NULL));
  expect_floats(y, middle, 4, 0.0, "slice_channels");
  inputs.count = BNAS_CONCAT_INPUTS + 1;
  expect(bnas_concat_floats(&inputs, 2, y, NULL).code == BNAS_INVALID_ARGUMENT, "too many inputs are refused");
}

int main(void) {
  pools();
  pools_of_bits();
  convolutions();
  batch_norm();
  maps();
  dropout();
  rows_and_channels();
  return failures == 0 ? 0 : 1;
}
