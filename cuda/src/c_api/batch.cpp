// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/gather_batch.hpp"
#include "c_api/convert.hpp"

namespace cuda = bnas::cuda;
namespace c_api = bnas::cuda::c_api;

static_assert(static_cast<int>(cuda::IndexCheck::none) == BNAS_CHECK_NONE);
static_assert(static_cast<int>(cuda::IndexCheck::gather_batch) == BNAS_CHECK_GATHER_BATCH);
static_assert(static_cast<int>(cuda::IndexCheck::advance_step) == BNAS_CHECK_ADVANCE_STEP);
static_assert(static_cast<int>(cuda::IndexCheck::labels) == BNAS_CHECK_LABELS);
static_assert(static_cast<int>(cuda::IndexCheck::embedding) == BNAS_CHECK_EMBEDDING);

bnas_status_t bnas_gather_batch(const bnas_byte_images* data, const std::int32_t* order, std::int64_t length,
                                const bnas_step_values* step, const bnas_batch_rule* rule, std::int32_t size,
                                float* batch, std::int32_t* labels, bnas_device_error* error, bnas_stream_t stream) {
  if (data == nullptr || rule == nullptr) {
    return c_api::to_c(cuda::invalid_argument("gather_batch: data or rule is null"));
  }
  const cuda::ByteImages images{data->images, data->labels, data->count, data->h, data->w, data->c};
  const bnas::AugmentRule augment{rule->shift,      rule->flip != 0, rule->cutout,     rule->rotation, rule->crop,
                                  rule->brightness, rule->contrast,  rule->saturation, rule->hue};
  return c_api::to_c(cuda::gather_batch(images, {order, length, c_api::from_c(step)}, {augment, rule->offset}, size,
                                        batch, labels, c_api::from_c(error), stream));
}

bnas_status_t bnas_advance_step(const bnas_step_values* table, std::int64_t steps, std::int32_t* counter,
                                bnas_step_values* current, bnas_device_error* error, bnas_stream_t stream) {
  return c_api::to_c(
      cuda::advance_step(c_api::from_c(table), steps, counter, c_api::from_c(current), c_api::from_c(error), stream));
}
