// SPDX-License-Identifier: Apache-2.0
// The feed of a training loop: step values, batches, dropout. Random numbers are those of bnas/portable/philox.hpp: the
// same on every device.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "bnas/cuda/device_error.hpp"
#include "bnas/cuda/status.hpp"
#include "bnas/portable/step_values.hpp"

namespace bnas::cuda {

/// current = table[counter], counter += 1. A counter outside [0, steps) is noted in `error` and changes nothing.
Status advance_step(const StepValues* table, int steps, std::int32_t* counter, StepValues* current, DeviceError* error,
                    cudaStream_t stream);

/// Labelled images in device memory: images u8 (count, image_bytes), labels (count).
struct ResidentImages {
  const std::uint8_t* images = nullptr;
  const std::int32_t* labels = nullptr;
  int count = 0;
  int image_bytes = 0;
};

/// batch (size, image_bytes) f32 = images[order[first + b]] / 127.5 - 1, and labels (size) likewise. `first` is the
/// step's first_row, 0 where `step` is null. `order` has order_size entries; one that is not in [0, count), or a row
/// beyond it, is noted in `error` and gives zeros.
Status gather_batch(const ResidentImages& set, const std::int32_t* order, int order_size, const StepValues* step,
                    float* batch, std::int32_t* labels, int size, DeviceError* error, cudaStream_t stream);

/// y = key.uniform(i) >= rate ? x * scale : 0, or += with `accumulate`; key = step_key(*step, site, dropout). y may be
/// x.
Status dropout(const float* x, std::int64_t n, const StepValues* step, std::uint64_t site, float rate, float scale,
               float* y, bool accumulate, cudaStream_t stream);

}  // namespace bnas::cuda
