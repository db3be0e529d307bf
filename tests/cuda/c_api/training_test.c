/* SPDX-License-Identifier: Apache-2.0 */
/* bnas/c/training.h against arithmetic on the host in double. */
#include <bnas/kernels.h>

#include "device.h"
#include "philox.h"

static void batches(void) {
  const uint8_t images[12] = {0, 255, 51, 102, 10, 20, 30, 40, 1, 2, 3, 4}; /* three of 2 x 2 x 1 */
  const int32_t labels[3] = {7, 8, 9}, order[4] = {2, 0, 5, 1}, labels_want[2] = {7, -1};
  const int32_t error_want[4] = {BNAS_CHECK_GATHER_BATCH, 2, 5, 3};
  const bnas_step_values table[2] = {{0.5F, 2.0, 3, {1, 2, 6}}, {0.25F, 1.5, 1, {1, 3, 6}}};
  const int32_t one = 1, two = 2;
  bnas_device_error none = {0};
  bnas_step_values current;
  double want[8];
  for (int i = 0; i < 8; ++i) {
    want[i] = i < 4 ? (double)images[i] / 127.5 - 2.0 : 0.0; /* image 0, then one that does not exist */
  }
  const bnas_byte_images data = {ON_DEVICE(images), ON_DEVICE(labels), 3, 2, 2, 1};
  const bnas_batch_rule rule = {.offset = 2.0F};
  bnas_device_error* error = to_device(&none, sizeof none);
  bnas_step_values* step = room(sizeof *step);
  int32_t *counter = to_device(&one, sizeof one), *batch_labels = room(8);
  float* batch = room(32);
  require_ok(bnas_advance_step(ON_DEVICE(table), 2, counter, step, error, NULL));
  from_device(step, &current, sizeof current);
  expect(current.lr == 0.25F && current.bias_correction == 1.5 && current.first_row == 1, "advance_step");
  expect(current.random.seed == 1 && current.random.stream == 3 && current.random.purpose == 6, "its key");
  expect_ints(counter, &two, 1, "the counter moved");
  require_ok(bnas_gather_batch(&data, ON_DEVICE(order), 4, step, &rule, 2, batch, batch_labels, error, NULL));
  expect_floats(batch, want, 8, 1e-6, "gather_batch");
  expect_ints(batch_labels, labels_want, 2, "gather_batch: labels");
  expect_ints((const int32_t*)error, error_want, 4, "gather_batch: an image that does not exist");
  expect(
      bnas_gather_batch(NULL, NULL, 4, step, &rule, 2, batch, batch_labels, error, NULL).code == BNAS_INVALID_ARGUMENT,
      "null data is refused");
}

static void classification(void) {
  enum { ROWS = 3, CLASSES = 4, N = ROWS * CLASSES };
  const float y[N] = {0.5F, -1, 2, 0, 1.5F, 0.25F, -2, 1, -0.5F, 3, 3, 0};
  const int32_t labels[ROWS] = {2, 3, 1}, right[1] = {2 + 10};
  const int32_t ten = 10;
  const float loss_of_batch = 0.75F, summed = 4.0F;
  double hinge = 0.0, entropy = 0.0, hinge_grad[N], entropy_grad[N];
  const double sum_want = 4.0 + 3.0 * 0.75, smoothing = 0.1;
  for (int row = 0; row < ROWS; ++row) {
    double all = 0.0;
    for (int c = 0; c < CLASSES; ++c) {
      all += exp((double)y[row * CLASSES + c]);
    }
    for (int c = 0; c < CLASSES; ++c) {
      const int i = row * CLASSES + c;
      const double v = (double)y[i], t = c == labels[row] ? 1.0 : -1.0, margin = fmax(0.0, 1.0 - t * v);
      const double share = (c == labels[row] ? 1.0 - smoothing : 0.0) + smoothing / CLASSES;
      hinge += margin * margin / N;
      hinge_grad[i] = -2.0 * t * margin / N;
      entropy -= share * log(exp(v) / all) / ROWS;
      entropy_grad[i] = (exp(v) / all - share) / ROWS;
    }
  }
  const bnas_labelled_logits logits = {ON_DEVICE(y), ON_DEVICE(labels), ROWS, CLASSES};
  const bnas_scratch scratch = scratch_of(bnas_classification_loss_workspace(ROWS));
  float *loss = room(4), *grad = room(sizeof y), *sum = to_device(&summed, 4);
  int32_t* correct = to_device(&ten, 4);
  require_ok(bnas_squared_hinge(&logits, loss, grad, NULL, &scratch, NULL));
  expect_floats(loss, &hinge, 1, 1e-6, "squared_hinge");
  expect_floats(grad, hinge_grad, N, 1e-6, "squared_hinge: gradient");
  require_ok(bnas_softmax_cross_entropy(&logits, 0.1F, loss, grad, NULL, &scratch, NULL));
  expect_floats(loss, &entropy, 1, 1e-6, "softmax_cross_entropy");
  expect_floats(grad, entropy_grad, N, 1e-6, "softmax_cross_entropy: gradient");
  require_ok(bnas_count_correct(&logits, correct, NULL, NULL));
  expect_ints(correct, right, 1, "count_correct"); /* the second row's largest is another */
  require_ok(bnas_add_metrics(&logits, to_device(&loss_of_batch, 4), sum, correct, NULL, NULL));
  expect_floats(sum, &sum_want, 1, 1e-6, "add_metrics");
  expect(bnas_squared_hinge(NULL, loss, grad, NULL, &scratch, NULL).code == BNAS_INVALID_ARGUMENT, "null logits");
}

static void regression(void) {
  enum { N = 4 };
  const float p[N] = {0.5F, 2, -1, 1}, target[N] = {1, 0, -1, 3};
  double l1 = 0.0, mse = 0.0, rank = 0.0, l1_grad[N], mse_grad[N], rank_grad[N] = {0};
  int pairs = 0;
  for (int i = 0; i < N; ++i) {
    const double d = (double)p[i] - (double)target[i];
    l1 += fabs(d) / N, mse += d * d / N;
    l1_grad[i] = (d > 0.0) - (d < 0.0), l1_grad[i] /= N;
    mse_grad[i] = 2.0 * d / N;
    for (int j = 0; j < N; ++j) {
      if (target[i] > target[j]) {
        const double e = exp((double)p[j] - (double)p[i]);
        rank += log1p(e);
        rank_grad[i] -= e / (1.0 + e), rank_grad[j] += e / (1.0 + e);
        ++pairs;
      }
    }
  }
  rank /= pairs;
  for (int i = 0; i < N; ++i) {
    rank_grad[i] /= pairs;
  }
  const bnas_predictions predictions = {ON_DEVICE(p), ON_DEVICE(target), N};
  const bnas_scratch scratch = scratch_of(bnas_regression_loss_workspace(N) + bnas_pairwise_loss_workspace(N));
  float *loss = room(4), *grad = room(sizeof p);
  require_ok(bnas_l1_loss(&predictions, loss, grad, &scratch, NULL));
  expect_floats(loss, &l1, 1, 1e-6, "l1_loss");
  expect_floats(grad, l1_grad, N, 1e-6, "l1_loss: gradient");
  require_ok(bnas_mse_loss(&predictions, loss, grad, &scratch, NULL));
  expect_floats(loss, &mse, 1, 1e-6, "mse_loss");
  expect_floats(grad, mse_grad, N, 1e-6, "mse_loss: gradient");
  require_ok(bnas_pairwise_loss(&predictions, loss, grad, &scratch, NULL));
  expect_floats(loss, &rank, 1, 1e-6, "pairwise_loss");
  expect_floats(grad, rank_grad, N, 1e-6, "pairwise_loss: gradient");
  expect(bnas_l1_loss(NULL, loss, grad, &scratch, NULL).code == BNAS_INVALID_ARGUMENT, "null predictions");
}

static void norms(void) {
  const float a[3] = {1, -2, 2}, b[1] = {4};
  const double sum_want = 25.0, norm_want = 5.0, a_want[3] = {0.2, -0.4, 0.4}, b_want[1] = {0.8};
  const int32_t finite_want = 1;
  size_t bytes = 0;
  bnas_gradient tensors[2] = {{ON_DEVICE(a), 3}, {ON_DEVICE(b), 1}};
  float* sum = room(4);
  int32_t* finite = room(4);
  require_ok(bnas_sum_squares_workspace(tensors, 2, &bytes));
  const bnas_scratch scratch = scratch_of(bytes);
  require_ok(bnas_sum_squares(tensors, 2, sum, 0, finite, &scratch, NULL));
  expect_floats(sum, &sum_want, 1, 0.0, "sum_squares");
  expect_ints(finite, &finite_want, 1, "all are finite");
  require_ok(bnas_clip_grad_norm(tensors, 2, 1.0F, sum, NULL, &scratch, NULL));
  expect_floats(sum, &norm_want, 1, 0.0, "clip_grad_norm");
  expect_floats(tensors[0].data, a_want, 3, 1e-6, "clip_grad_norm: the first tensor");
  expect_floats(tensors[1].data, b_want, 1, 1e-6, "clip_grad_norm: the second");
  expect(bnas_sum_squares(tensors, BNAS_NORM_GRADIENTS + 1, sum, 0, NULL, &scratch, NULL).code == BNAS_INVALID_ARGUMENT,
         "too many tensors are refused");
}

/* Two parameters of one row of 3: with signs and masks, clipped, at half the rate; and without. */
static void optimizers(void) {
  const float weight[3] = {0.5F, -0.25F, 0.99F}, grad[3] = {1, -2, -3}, slot[3] = {0.5F, 0.25F, 2};
  const bnas_adam_rule adam = {0.9F, 0.99F, 1e-3F, 0.1F};
  const bnas_sgd_rule sgd = {0.5F, 0.0F, 1};
  const bnas_bop_rule bop = {0.5F, 0.25F};
  bnas_step_values values = {0.25F, 0.0, 0, {0, 0, 1}};
  values.bias_correction = bnas_adam_bias_correction(&adam, 2);
  const double correction = sqrt(1.0 - 0.99 * 0.99) / (1.0 - 0.9 * 0.9);
  expect(fabs(values.bias_correction / correction - 1.0) < 1e-5, "the second step's bias correction");
  double adam_want[3], nesterov_want[3], v_max_want[3];
  uint32_t signs = 0, small = 0;
  for (int i = 0; i < 3; ++i) {
    const double w = (double)weight[i], g = (double)grad[i], decayed = g + 0.1 * w, s = (double)slot[i];
    const double m = 0.9 * s + 0.1 * decayed, v = 0.99 * s + 0.01 * decayed * decayed;
    v_max_want[i] = fmax(s, v);
    adam_want[i] = w - 0.125 * correction * m / (sqrt(v_max_want[i]) + 1e-3);
    adam_want[i] = fmin(fmax(adam_want[i], -0.5), 0.5);
    signs |= (uint32_t)(adam_want[i] < 0.0) << i;
    small |= 1U << i; /* all are clipped below 1 */
    nesterov_want[i] = w - 0.25 * (g + 0.5 * (0.5 * s + g));
  }
  bnas_parameter_step parameters[2] = {{0}, {0}};
  for (int i = 0; i < 2; ++i) {
    bnas_parameter_step* p = &parameters[i];
    p->grad = ON_DEVICE(grad), p->weight = ON_DEVICE(weight);
    p->slots[0] = ON_DEVICE(slot), p->slots[1] = ON_DEVICE(slot), p->slots[2] = ON_DEVICE(slot);
    p->rows = 1, p->channels = 3, p->lr_multiplier = i == 0 ? 0.5F : 1.0F, p->clip = i == 0 ? 0.5F : 0.0F;
  }
  parameters[0].bits = room(4), parameters[0].mask = room(4);
  const bnas_step_values* step = to_device(&values, sizeof values);
  require_ok(bnas_adam_step(parameters, 2, &adam, step, NULL));
  expect_floats(parameters[0].weight, adam_want, 3, 1e-6, "adam_step");
  expect_floats(parameters[0].slots[2], v_max_want, 3, 1e-6, "adam_step: v_max");
  expect_ints((const int32_t*)parameters[0].bits, (const int32_t*)&signs, 1, "adam_step: signs");
  expect_ints((const int32_t*)parameters[0].mask, (const int32_t*)&small, 1, "adam_step: mask");

  parameters[1].weight = ON_DEVICE(weight), parameters[1].slots[0] = ON_DEVICE(slot);
  require_ok(bnas_sgd_step(parameters + 1, 1, &sgd, step, NULL));
  expect_floats(parameters[1].weight, nesterov_want, 3, 1e-6, "sgd_step");

  /* Averages 0.75, -0.875, -0.5: the first and the third agree with their weights beyond 0.25. */
  const float binary[3] = {1, 1, -1};
  const double flipped[3] = {-1, 1, 1};
  parameters[1].weight = ON_DEVICE(binary), parameters[1].slots[0] = ON_DEVICE(slot);
  require_ok(bnas_bop_step(parameters + 1, 1, &bop, NULL));
  expect_floats(parameters[1].weight, flipped, 3, 0.0, "bop_step");
  expect(bnas_adam_step(parameters, BNAS_STEP_PARAMETERS + 1, &adam, step, NULL).code == BNAS_INVALID_ARGUMENT,
         "too many parameters are refused");
  expect(bnas_sgd_step(parameters, 1, NULL, step, NULL).code == BNAS_INVALID_ARGUMENT, "a null rule is refused");
}

static void embeddings(void) {
  const float table[6] = {1, 2, 3, 4, 5, 6}, dy[6] = {1, 1, 2, 2, 4, 4};
  const int32_t ids[3] = {2, 0, 2};
  const double y_want[6] = {5, 6, 1, 2, 5, 6}, dtable_want[6] = {2, 2, 0, 0, 5, 5};
  int32_t* d_ids = ON_DEVICE(ids);
  float *y = room(24), *dtable = room(24);
  require_ok(bnas_embedding(ON_DEVICE(table), 3, 2, d_ids, 3, y, NULL, NULL));
  expect_floats(y, y_want, 6, 0.0, "embedding");
  require_ok(bnas_embedding_backward(ON_DEVICE(dy), d_ids, 3, 3, 2, dtable, 0, NULL, NULL));
  expect_floats(dtable, dtable_want, 6, 0.0, "embedding_backward");
}

static double logistic(double x) { return 1.0 / (1.0 + exp(-x)); }

/* gates: i, g, f, o of `hidden` units side by side; h and c move by one step. */
static void lstm_step(const double* gates, int hidden, double* c, double* h) {
  for (int u = 0; u < hidden; ++u) {
    const double i = logistic(gates[u]), g = tanh(gates[hidden + u]);
    const double f = logistic(gates[2 * hidden + u] + 1.0), o = logistic(gates[3 * hidden + u]);
    c[u] = f * c[u] + i * g;
    h[u] = o * tanh(c[u]);
  }
}

static void lstm(void) {
  enum { H = 2, LENGTH = 3, WORDS = 2 };
  const float gates[4 * H] = {0.5F, -1, 0.25F, 2, -0.5F, 1, 0, 0.75F}, c_prev[H] = {0.5F, -1}, dh[H] = {1, -2};
  double before[4 * H], c[H] = {0.5, -1}, h[H], dgates_want[4 * H];
  for (int i = 0; i < 4 * H; ++i) {
    before[i] = (double)gates[i];
  }
  lstm_step(before, H, c, h);
  float *d_gates = ON_DEVICE(gates), *d_c_prev = ON_DEVICE(c_prev), *d_c = room(8), *d_h = room(8), *dgates = room(32);
  require_ok(bnas_lstm_cell(d_gates, d_c_prev, 1, H, d_c, d_h, NULL));
  expect_floats(d_c, c, H, 1e-6, "lstm_cell: c");
  expect_floats(d_h, h, H, 1e-6, "lstm_cell: h");
  for (int i = 0; i < 4 * H; ++i) { /* central differences */
    double loss[2];
    for (int side = 0; side < 2; ++side) {
      double moved[4 * H], c2[H] = {0.5, -1}, h2[H];
      memcpy(moved, before, sizeof moved);
      moved[i] += side == 0 ? 1e-5 : -1e-5;
      lstm_step(moved, H, c2, h2);
      loss[side] = (double)dh[0] * h2[0] + (double)dh[1] * h2[1];
    }
    dgates_want[i] = (loss[0] - loss[1]) / 2e-5;
  }
  const bnas_lstm_cell_backward_call call = {ON_DEVICE(dh), NULL, d_gates, d_c_prev, d_c, dgates, NULL};
  require_ok(bnas_lstm_cell_backward(&call, 1, H, NULL));
  expect_floats(dgates, dgates_want, 4 * H, 1e-6, "lstm_cell_backward");
  expect(bnas_lstm_cell_backward(NULL, 1, H, NULL).code == BNAS_INVALID_ARGUMENT, "a null call is refused");

  float words[WORDS * 4 * H], weights[4 * H * H];
  const float head[H] = {0.5F, -1.5F}, bias[1] = {0.125F};
  const int32_t tokens[2 * LENGTH] = {0, 1, 1, 1, 0, 0};
  double scores_want[2];
  for (int i = 0; i < WORDS * 4 * H; ++i) {
    words[i] = (float)(i * 5 % 11 - 5) / 8.0F;
    weights[i] = (float)(i * 7 % 13 - 6) / 8.0F; /* both have 16 numbers */
  }
  for (int sequence = 0; sequence < 2; ++sequence) {
    double state[H] = {0}, out[H] = {0}, all[4 * H];
    for (int t = 0; t < LENGTH; ++t) {
      for (int gate = 0; gate < 4 * H; ++gate) {
        all[gate] = (double)words[tokens[sequence * LENGTH + t] * 4 * H + gate];
        for (int u = 0; u < H; ++u) {
          all[gate] += (double)weights[gate * H + u] * out[u];
        }
      }
      lstm_step(all, H, state, out);
    }
    scores_want[sequence] = 0.5 * out[0] - 1.5 * out[1] + 0.125;
  }
  float *packed = room(sizeof weights), *scores = room(8);
  require_ok(bnas_pack_recurrent_weights(ON_DEVICE(weights), H, packed, NULL));
  bnas_lstm_scorer model = {0};
  model.token_gates[0] = ON_DEVICE(words), model.vocabulary[0] = WORDS, model.kinds = 1, model.hidden = H;
  model.recurrent = packed, model.head = ON_DEVICE(head), model.head_bias = ON_DEVICE(bias);
  require_ok(bnas_lstm_score(&model, ON_DEVICE(tokens), 2, LENGTH, scores, NULL, NULL));
  expect_floats(scores, scores_want, 2, 1e-6, "lstm_score");
  expect(bnas_lstm_score(NULL, NULL, 2, LENGTH, scores, NULL, NULL).code == BNAS_INVALID_ARGUMENT, "a null model");
}

static void orders(void) {
  enum { N = 20, K = 4 };
  const bnas_random_key key = {9, 4, 2};
  const float numbers[6] = {1, 3, -2, 3, (float)NAN, 0};
  const int32_t best[K] = {1, 3, 0, 5};
  const double best_numbers[K] = {3, 3, 1, 0};
  int32_t want[N], *order = room(sizeof want), *indices = room(sizeof best);
  for (int i = 0; i < N; ++i) { /* insertion by rank */
    int at = i;
    for (; at > 0 && philox_bits(&key, (uint64_t)want[at - 1]) > philox_bits(&key, (uint64_t)i); --at) {
      want[at] = want[at - 1];
    }
    want[at] = i;
  }
  const bnas_scratch scratch = scratch_of(bnas_sort_workspace(N));
  float* top = room(sizeof best);
  require_ok(bnas_shuffle(&key, N, order, &scratch, NULL));
  expect_ints(order, want, N, "shuffle");
  require_ok(bnas_top_k(ON_DEVICE(numbers), 6, K, indices, top, &scratch, NULL));
  expect_ints(indices, best, K, "top_k");
  expect_floats(top, best_numbers, K, 0.0, "top_k: scores");
  expect(bnas_shuffle(NULL, N, order, &scratch, NULL).code == BNAS_INVALID_ARGUMENT, "a null key is refused");
}

int main(void) {
  batches();
  classification();
  regression();
  norms();
  optimizers();
  embeddings();
  lstm();
  orders();
  return failures == 0 ? 0 : 1;
}
