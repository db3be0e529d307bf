/* SPDX-License-Identifier: Apache-2.0 */
/* A training step around its layers: batches, losses, norms, optimizers; sequences and orders for surrogates. */
#ifndef BNAS_C_TRAINING_H
#define BNAS_C_TRAINING_H

#include "bnas/c/types.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A data set on the device: images (count, h, w, c) of bytes and labels (count). */
typedef struct bnas_byte_images {
  const uint8_t* images;
  const int32_t* labels;
  int64_t count;
  int32_t h, w, c;
} bnas_byte_images;

/** What a batch makes of a byte: byte / 127.5 - offset, after changes that are none where everything else is 0. */
typedef struct bnas_batch_rule {
  int32_t shift;                            /* up to so many pixels in each direction */
  int32_t flip;                             /* not 0: half of the images are mirrored */
  int32_t cutout;                           /* side of a square that turns grey */
  int32_t rotation;                         /* up to so many degrees, at most 180 */
  int32_t crop;                             /* up to so many percent of each side, at most 90 */
  int32_t brightness, contrast, saturation; /* factors from 1 - p to 1 + p, at most 100 percent */
  int32_t hue;                              /* up to so many percent of a turn, at most 50 */
  float offset;
} bnas_batch_rule;

/**
 * batch (size, h, w, c) and labels (size): images order[first_row], order[first_row + 1], ... of an order of `length`
 * image numbers, with `step`'s (device) first_row; null: 0, for rules that change nothing.
 */
bnas_status_t bnas_gather_batch(const bnas_byte_images* data, const int32_t* order, int64_t length,
                                const bnas_step_values* step, const bnas_batch_rule* rule, int32_t size, float* batch,
                                int32_t* labels, bnas_device_error* error, bnas_stream_t stream);
/** *current = table[*counter] of `steps` entries, then *counter += 1; all on the device. */
bnas_status_t bnas_advance_step(const bnas_step_values* table, int64_t steps, int32_t* counter,
                                bnas_step_values* current, bnas_device_error* error, bnas_stream_t stream);

/** Scores y (rows, classes) and the class of each row. */
typedef struct bnas_labelled_logits {
  const float* y;
  const int32_t* labels;
  int64_t rows, classes;
} bnas_labelled_logits;

/** *loss = the mean over rows and classes of max(0, 1 - t y)^2, t = +-1; grad (rows, classes) its gradient. */
bnas_status_t bnas_squared_hinge(const bnas_labelled_logits* logits, float* loss, float* grad, bnas_device_error* error,
                                 const bnas_scratch* scratch, bnas_stream_t stream);
/** *loss = the mean cross entropy of softmax(y) against labels smoothed by 0 <= smoothing < 1. */
bnas_status_t bnas_softmax_cross_entropy(const bnas_labelled_logits* logits, float smoothing, float* loss, float* grad,
                                         bnas_device_error* error, const bnas_scratch* scratch, bnas_stream_t stream);
size_t bnas_classification_loss_workspace(int64_t rows);
/** *correct += rows whose first largest score is the label's; bnas_add_metrics: and *loss_sum += rows * *loss. */
bnas_status_t bnas_count_correct(const bnas_labelled_logits* logits, int32_t* correct, bnas_device_error* error,
                                 bnas_stream_t stream);
bnas_status_t bnas_add_metrics(const bnas_labelled_logits* logits, const float* loss, float* loss_sum, int32_t* correct,
                               bnas_device_error* error, bnas_stream_t stream);

/** n predictions and what they should be. */
typedef struct bnas_predictions {
  const float* p;
  const float* target;
  int64_t n;
} bnas_predictions;

/** Mean |p - t|; mean (p - t)^2. */
bnas_status_t bnas_l1_loss(const bnas_predictions* predictions, float* loss, float* grad, const bnas_scratch* scratch,
                           bnas_stream_t stream);
bnas_status_t bnas_mse_loss(const bnas_predictions* predictions, float* loss, float* grad, const bnas_scratch* scratch,
                            bnas_stream_t stream);
size_t bnas_regression_loss_workspace(int64_t n);
/** Mean over pairs with t_i > t_j of log(1 + exp(p_j - p_i)). */
bnas_status_t bnas_pairwise_loss(const bnas_predictions* predictions, float* loss, float* grad,
                                 const bnas_scratch* scratch, bnas_stream_t stream);
size_t bnas_pairwise_loss_workspace(int64_t n);

/** A tensor of n floats. */
typedef struct bnas_gradient {
  float* data;
  int64_t n;
} bnas_gradient;

/** Tensors and parameters of one call at most; more take several calls. */
#define BNAS_NORM_GRADIENTS 150
#define BNAS_STEP_PARAMETERS 50

/** *sum = sum of x^2 of all tensors (host array); where `all_finite` is not null, *all_finite = 1 or 0. */
bnas_status_t bnas_sum_squares(const bnas_gradient* tensors, int32_t count, float* sum, int32_t accumulate,
                               int32_t* all_finite, const bnas_scratch* scratch, bnas_stream_t stream);
/** *norm = L2 norm of all tensors together; where it exceeds max_norm they are multiplied by max_norm / norm. */
bnas_status_t bnas_clip_grad_norm(const bnas_gradient* tensors, int32_t count, float max_norm, float* norm,
                                  int32_t* all_finite, const bnas_scratch* scratch, bnas_stream_t stream);
/** Of both. */
bnas_status_t bnas_sum_squares_workspace(const bnas_gradient* tensors, int32_t count, size_t* bytes);

/** One parameter: (rows, channels) floats each; without bits and mask the shape is free, as (1, n). */
typedef struct bnas_parameter_step {
  const float* grad;
  float* weight;
  float* slots[3]; /* of the rule, in its order */
  uint32_t* bits;  /* where not null: signs of the new weights */
  uint32_t* mask;  /* where not null: 1 where the new |weight| <= 1 */
  int32_t rows, channels;
  float lr_multiplier; /* times the step's lr */
  float clip;          /* > 0 clamps the weight to [-clip, clip] */
} bnas_parameter_step;

/** Adam (Kingma and Ba 2015), with slot v_max AMSGrad (Reddi et al. 2018); weight_decay adds L2 to the gradient. */
typedef struct bnas_adam_rule {
  float beta1, beta2, eps, weight_decay;
} bnas_adam_rule;
/** sqrt(1 - beta2^t) / (1 - beta1^t) of step t, 1 for the first, as bnas_step_values wants it. On the host. */
double bnas_adam_bias_correction(const bnas_adam_rule* rule, int64_t t);
/** Slots m, v and, for AMSGrad, v_max; `parameters` is a host array, `step` lies on the device. */
bnas_status_t bnas_adam_step(const bnas_parameter_step* parameters, int32_t count, const bnas_adam_rule* rule,
                             const bnas_step_values* step, bnas_stream_t stream);

/** Slot velocity, null where momentum is 0. */
typedef struct bnas_sgd_rule {
  float momentum, weight_decay;
  int32_t nesterov;
} bnas_sgd_rule;
bnas_status_t bnas_sgd_step(const bnas_parameter_step* parameters, int32_t count, const bnas_sgd_rule* rule,
                            const bnas_step_values* step, bnas_stream_t stream);

/** Bop (Helwegen et al. 2019): slot average; weights of -1 and +1 flip, nothing is clipped. */
typedef struct bnas_bop_rule {
  float gamma, threshold;
} bnas_bop_rule;
bnas_status_t bnas_bop_step(const bnas_parameter_step* parameters, int32_t count, const bnas_bop_rule* rule,
                            bnas_stream_t stream);

/** y (n, width) = table[ids] of a table (vocabulary, width), and its gradient. */
bnas_status_t bnas_embedding(const float* table, int32_t vocabulary, int32_t width, const int32_t* ids, int64_t n,
                             float* y, bnas_device_error* error, bnas_stream_t stream);
bnas_status_t bnas_embedding_backward(const float* dy, const int32_t* ids, int64_t n, int32_t vocabulary, int32_t width,
                                      float* dtable, int32_t accumulate, bnas_device_error* error,
                                      bnas_stream_t stream);

/**
 * One LSTM step: gates (n, 4 hidden) hold input, candidate, forget and output side by side, before their
 * nonlinearities (1 is added to forget) in, activated out; c = f c_prev + i g, h = o tanh(c). c_prev null: zeros.
 */
bnas_status_t bnas_lstm_cell(float* gates, const float* c_prev, int64_t n, int32_t hidden, float* c, float* h,
                             bnas_stream_t stream);
/** Activated gates; dh, dc, c_prev may be null: zeros; dc_prev null: not wanted. */
typedef struct bnas_lstm_cell_backward_call {
  const float* dh;
  const float* dc;
  const float* gates;
  const float* c_prev;
  const float* c;
  float* dgates;
  float* dc_prev;
} bnas_lstm_cell_backward_call;
bnas_status_t bnas_lstm_cell_backward(const bnas_lstm_cell_backward_call* call, int64_t n, int32_t hidden,
                                      bnas_stream_t stream);

/** A trained LSTM that gives a number for a sequence of tokens; token t is of kind t % kinds. */
typedef struct bnas_lstm_scorer {
  const float* token_gates[4]; /* (vocabulary, 4 hidden) of each kind: embedding times weight plus bias */
  int32_t vocabulary[4];
  int32_t kinds;
  int32_t hidden;         /* at most 500 */
  const float* recurrent; /* of bnas_pack_recurrent_weights */
  const float* head;      /* (hidden) */
  const float* head_bias; /* one number */
} bnas_lstm_scorer;
/** packed (hidden, hidden, 4) from weights (4 hidden, hidden). */
bnas_status_t bnas_pack_recurrent_weights(const float* weights, int32_t hidden, float* packed, bnas_stream_t stream);
/** scores (n) of tokens (n, length), in one launch. */
bnas_status_t bnas_lstm_score(const bnas_lstm_scorer* model, const int32_t* tokens, int64_t n, int32_t length,
                              float* scores, bnas_device_error* error, bnas_stream_t stream);

/** order (n) = 0 .. n - 1, ascending by the 32-bit numbers of `key` (host), then by item. */
bnas_status_t bnas_shuffle(const bnas_random_key* key, int64_t n, int32_t* order, const bnas_scratch* scratch,
                           bnas_stream_t stream);
/** indices (k) of the k largest of scores (n), largest first, ties by index, NaN last; `top` (k) or null: scores. */
bnas_status_t bnas_top_k(const float* scores, int64_t n, int64_t k, int32_t* indices, float* top,
                         const bnas_scratch* scratch, bnas_stream_t stream);
/** Of both. */
size_t bnas_sort_workspace(int64_t n);

#ifdef __cplusplus
}
#endif

#endif
