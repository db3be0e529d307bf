// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/loss.hpp"

#include "c_api/convert.hpp"

namespace cuda = bnas::cuda;
namespace c_api = bnas::cuda::c_api;

namespace {

template <class Call>
bnas_status_t with_logits(const bnas_labelled_logits* logits, Call call) {
  return c_api::with(logits, "loss: logits are null", [&](const bnas_labelled_logits& l) {
    return call(cuda::LabelledLogits{l.y, l.labels, l.rows, l.classes});
  });
}

template <class Call>
bnas_status_t with_predictions(const bnas_predictions* predictions, Call call) {
  return c_api::with(predictions, "loss: predictions are null", [&](const bnas_predictions& p) {
    return call(cuda::Predictions{p.p, p.target, p.n});
  });
}

}  // namespace

bnas_status_t bnas_squared_hinge(const bnas_labelled_logits* logits, float* loss, float* grad, bnas_device_error* error,
                                 const bnas_scratch* scratch, bnas_stream_t stream) {
  return with_logits(logits, [&](const cuda::LabelledLogits& l) {
    return cuda::squared_hinge(l, {loss, grad}, c_api::from_c(error), c_api::from_c(scratch), stream);
  });
}

bnas_status_t bnas_softmax_cross_entropy(const bnas_labelled_logits* logits, float smoothing, float* loss, float* grad,
                                         bnas_device_error* error, const bnas_scratch* scratch, bnas_stream_t stream) {
  return with_logits(logits, [&](const cuda::LabelledLogits& l) {
    return cuda::softmax_cross_entropy(l, smoothing, {loss, grad}, c_api::from_c(error), c_api::from_c(scratch),
                                       stream);
  });
}

std::size_t bnas_classification_loss_workspace(std::int64_t rows) {
  return cuda::classification_loss_workspace_bytes(rows);
}

bnas_status_t bnas_count_correct(const bnas_labelled_logits* logits, std::int32_t* correct, bnas_device_error* error,
                                 bnas_stream_t stream) {
  return with_logits(logits, [&](const cuda::LabelledLogits& l) {
    return cuda::count_correct(l, correct, c_api::from_c(error), stream);
  });
}

bnas_status_t bnas_add_metrics(const bnas_labelled_logits* logits, const float* loss, float* loss_sum,
                               std::int32_t* correct, bnas_device_error* error, bnas_stream_t stream) {
  return with_logits(logits, [&](const cuda::LabelledLogits& l) {
    return cuda::add_metrics(l, loss, loss_sum, correct, c_api::from_c(error), stream);
  });
}

bnas_status_t bnas_l1_loss(const bnas_predictions* predictions, float* loss, float* grad, const bnas_scratch* scratch,
                           bnas_stream_t stream) {
  return with_predictions(predictions, [&](const cuda::Predictions& p) {
    return cuda::l1_loss(p, {loss, grad}, c_api::from_c(scratch), stream);
  });
}

bnas_status_t bnas_mse_loss(const bnas_predictions* predictions, float* loss, float* grad, const bnas_scratch* scratch,
                            bnas_stream_t stream) {
  return with_predictions(predictions, [&](const cuda::Predictions& p) {
    return cuda::mse_loss(p, {loss, grad}, c_api::from_c(scratch), stream);
  });
}

std::size_t bnas_regression_loss_workspace(std::int64_t n) { return cuda::regression_loss_workspace_bytes(n); }

bnas_status_t bnas_pairwise_loss(const bnas_predictions* predictions, float* loss, float* grad,
                                 const bnas_scratch* scratch, bnas_stream_t stream) {
  return with_predictions(predictions, [&](const cuda::Predictions& p) {
    return cuda::pairwise_loss(p, {loss, grad}, c_api::from_c(scratch), stream);
  });
}

std::size_t bnas_pairwise_loss_workspace(std::int64_t n) { return cuda::pairwise_loss_workspace_bytes(n); }
