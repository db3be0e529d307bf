// SPDX-License-Identifier: Apache-2.0
// The beginning of a training step: the step's values, and its batch from a data set of bytes on the device.
#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "bnas/cuda/device_error.hpp"
#include "bnas/cuda/status.hpp"
#include "bnas/portable/augment.hpp"
#include "bnas/portable/step_values.hpp"

namespace bnas::cuda {

/// A data set: images (count, h, w, c) and labels (count).
struct ByteImages {
  const std::uint8_t* images = nullptr;
  const std::int32_t* labels = nullptr;
  std::int64_t count = 0;
  int h = 0, w = 0, c = 0;
};

/// Which images a batch has: entries first_row, first_row + 1, ... of an order of `length` image numbers.
struct BatchRows {
  const std::int32_t* order = nullptr;
  std::int64_t length = 0;
  const StepValues* step = nullptr;  ///< whose first_row it is, on the device; null: 0
};

/// batch (size, h, w, c) f32 = normalized(images[order[first_row + b]]), augmented by `rule` with the key
/// step_key(*step, 0, augment) and the image's number as its sample; cut pixels are grey (127.5). labels (size)
/// likewise. A number outside the data set, and a row outside the order, is noted in `error` (a row as an entry that is
/// itself); that image is 0 and its label -1. One launch. Every rule but the identity needs a step.
Status gather_batch(const ByteImages& data, const BatchRows& rows, const BatchRule& rule, int size, float* batch,
                    std::int32_t* labels, DeviceError* error, cudaStream_t stream);

/// *current = table[*counter], then *counter += 1; all on the device. A counter outside [0, steps) is noted in `error`
/// and changes nothing. One launch.
Status advance_step(const StepValues* table, std::int64_t steps, std::int32_t* counter, StepValues* current,
                    DeviceError* error, cudaStream_t stream);

}  // namespace bnas::cuda
