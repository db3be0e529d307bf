// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/batch_norm.hpp"

#include "c_api/convert.hpp"

namespace cuda = bnas::cuda;
namespace c_api = bnas::cuda::c_api;

namespace {

static_assert(static_cast<int>(cuda::NumberType::f32) == BNAS_NUMBER_F32);
static_assert(static_cast<int>(cuda::NumberType::i32) == BNAS_NUMBER_I32);
static_assert(static_cast<int>(cuda::NumberType::i16) == BNAS_NUMBER_I16);
static_assert(static_cast<int>(cuda::NumberType::i8) == BNAS_NUMBER_I8);

/// Refuses a null x and numbers of no type.
cuda::Status checked(const bnas_number_rows* x, cuda::NormInput& rows) {
  if (x == nullptr || x->type < BNAS_NUMBER_F32 || x->type > BNAS_NUMBER_I32) {
    return cuda::invalid_argument("batch_norm: x is null or not of a bnas_number_type");
  }
  rows = {x->data, static_cast<cuda::NumberType>(x->type), x->rows, x->channels};
  return {};
}

cuda::Status checked(const bnas_batch_norm_backward_call* call, cuda::BatchNormBackward& backward) {
  if (call == nullptr) {
    return cuda::invalid_argument("batch_norm_backward: call is null");
  }
  if (const cuda::Status status = checked(&call->x, backward.x); !status.ok()) {
    return status;
  }
  backward.dy = call->dy;
  backward.mask = call->mask;
  backward.moments = {call->mean, call->variance};
  backward.gamma = call->gamma;
  backward.eps = call->eps;
  backward.frozen = call->frozen != 0;
  backward.dx = {call->dx, call->accumulate_dx != 0};
  backward.dgamma = {call->dgamma, call->accumulate_dgamma != 0};
  backward.dbeta = {call->dbeta, call->accumulate_dbeta != 0};
  return {};
}

}  // namespace

bnas_status_t bnas_batch_norm_stats(const bnas_number_rows* x, float* mean, float* variance,
                                    const bnas_scratch* scratch, bnas_stream_t stream) {
  cuda::NormInput rows;
  const cuda::Status status = checked(x, rows);
  cuda::BatchMoments moments;
  moments.mean = mean;
  moments.variance = variance;
  return c_api::to_c(status.ok() ? cuda::batch_norm_stats(rows, moments, c_api::from_c(scratch), stream) : status);
}

bnas_status_t bnas_batch_norm_stats_workspace(const bnas_number_rows* x, std::size_t* bytes) {
  cuda::NormInput rows;
  const cuda::Status status =
      bytes != nullptr ? checked(x, rows) : cuda::invalid_argument("batch_norm_stats_workspace: bytes is null");
  if (status.ok()) {
    *bytes = cuda::batch_norm_stats_workspace_bytes(rows);
  }
  return c_api::to_c(status);
}

bnas_status_t bnas_batch_norm_sign(const bnas_number_rows* x, const float* mean, const float* variance,
                                   const float* gamma, const float* beta, float eps, std::uint32_t* bits,
                                   std::uint32_t* mask, bnas_stream_t stream) {
  cuda::NormInput rows;
  const cuda::Status status = checked(x, rows);
  const cuda::KnownMoments moments{mean, variance};
  const cuda::NormScale scale{gamma, beta, eps};
  return c_api::to_c(status.ok() ? cuda::batch_norm_sign(rows, moments, scale, bits, mask, stream) : status);
}

bnas_status_t bnas_batch_norm_apply(const bnas_number_rows* x, const float* mean, const float* variance,
                                    const float* gamma, const float* beta, float eps, float* y, bnas_stream_t stream) {
  cuda::NormInput rows;
  const cuda::Status status = checked(x, rows);
  const cuda::KnownMoments moments{mean, variance};
  const cuda::NormScale scale{gamma, beta, eps};
  return c_api::to_c(status.ok() ? cuda::batch_norm_apply(rows, moments, scale, y, stream) : status);
}

bnas_status_t bnas_batch_norm_backward(const bnas_batch_norm_backward_call* call, const bnas_scratch* scratch,
                                       bnas_stream_t stream) {
  cuda::BatchNormBackward backward;
  const cuda::Status status = checked(call, backward);
  return c_api::to_c(status.ok() ? cuda::batch_norm_backward(backward, c_api::from_c(scratch), stream) : status);
}

bnas_status_t bnas_batch_norm_backward_workspace(const bnas_batch_norm_backward_call* call, std::size_t* bytes) {
  cuda::BatchNormBackward backward;
  const cuda::Status status = bytes != nullptr ? checked(call, backward)
                                               : cuda::invalid_argument("batch_norm_backward_workspace: bytes is null");
  if (status.ok()) {
    *bytes = cuda::batch_norm_backward_workspace_bytes(backward);
  }
  return c_api::to_c(status);
}
