// SPDX-License-Identifier: Apache-2.0
// Images are blockIdx.y (and every gridDim.y-th one from there), parts of an image blockIdx.x.
#include "bnas/cuda/gather_batch.hpp"

#include <algorithm>

#include "support/device_error.cuh"
#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

constexpr int kVector = 4;  // values of a thread, of which bytes make 32 bits and floats 128
constexpr unsigned kMaxImageBlocks = 65535;
constexpr float kGrey = 127.5F;  // of pixels that are cut away

struct alignas(4) FourBytes {
  std::uint8_t v[kVector];
};
struct alignas(16) FourFloats {
  float v[kVector];
};

__device__ std::int32_t image_of_row(const ByteImages& data, const BatchRows& rows, std::int64_t row,
                                     DeviceError* error) {
  if (row < 0 || row >= rows.length) {
    index_in_range(error, IndexCheck::gather_batch, row, static_cast<std::int32_t>(row), rows.length);
    return -1;
  }
  const std::int32_t image = rows.order[row];
  return index_in_range(error, IndexCheck::gather_batch, row, image, data.count) ? image : -1;
}

/// Calls visit(b, image) for the images of this block, -1 for those that do not exist, and writes their labels.
template <class Visit>
__device__ void for_each_image(const ByteImages& data, const BatchRows& rows, int size, std::int32_t* labels,
                               DeviceError* error, Visit visit) {
  const std::int64_t first = rows.step == nullptr ? 0 : rows.step->first_row;
  for (int b = static_cast<int>(blockIdx.y); b < size; b += static_cast<int>(gridDim.y)) {
    __shared__ std::int32_t shared;
    if (threadIdx.x == 0) {
      shared = image_of_row(data, rows, first + b, error);
      if (blockIdx.x == 0) {
        labels[b] = shared < 0 ? -1 : data.labels[shared];
      }
    }
    __syncthreads();
    const std::int32_t image = shared;
    visit(b, image);
    __syncthreads();
  }
}

__global__ void __launch_bounds__(kBlockThreads)
    gather_batch_kernel(const __grid_constant__ ByteImages data, const __grid_constant__ BatchRows rows, int size,
                        float offset, float* batch, std::int32_t* labels, DeviceError* error) {
  const std::int64_t values = static_cast<std::int64_t>(data.h) * data.w * data.c;
  const std::int64_t at = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * kVector;
  for_each_image(data, rows, size, labels, error, [&](int b, std::int32_t image) {
    const std::uint8_t* const from = data.images + image * values + at;
    float* const to = batch + b * values + at;
    if (values % kVector == 0 && at < values) {
      FourFloats four{};
      if (image >= 0) {
        const FourBytes bytes = *reinterpret_cast<const FourBytes*>(from);
#pragma unroll
        for (int i = 0; i < kVector; ++i) {
          four.v[i] = normalized(bytes.v[i], offset);
        }
      }
      *reinterpret_cast<FourFloats*>(to) = four;
      return;
    }
    for (int i = 0; i < kVector && at + i < values; ++i) {
      to[i] = image < 0 ? 0.0F : normalized(from[i], offset);
    }
  });
}

template <bool kColor>
__device__ std::int32_t recolored(const ByteImages& data, const Augmentation& change, const std::uint8_t* source,
                                  std::int32_t y, std::int32_t x, int channel) {
  const auto value = [&](int of) { return change.pixel(y, x, data.h, data.w, source + of, data.c); };
  if constexpr (!kColor) {
    return value(channel);
  }
  if (data.c != 3) {
    return change.color.level(value(channel));
  }
  std::int32_t rgb[] = {value(0), value(1), value(2)};
  change.color.apply(rgb);
  return channel == 0 ? rgb[0] : channel == 1 ? rgb[1] : rgb[2];
}

/// A thread takes one value; with kColor, it makes all three of the pixel for it.
template <bool kColor>
__global__ void __launch_bounds__(kBlockThreads)
    gather_augmented_batch_kernel(const __grid_constant__ ByteImages data, const __grid_constant__ BatchRows rows,
                                  const __grid_constant__ BatchRule rule, int size, float* batch, std::int32_t* labels,
                                  DeviceError* error) {
  const std::int64_t values = static_cast<std::int64_t>(data.h) * data.w * data.c;
  const std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  const auto pixel = static_cast<std::int32_t>(at / data.c);
  const std::int32_t y = pixel / data.w;
  const std::int32_t x = pixel - y * data.w;
  __shared__ Augmentation change;
  for_each_image(data, rows, size, labels, error, [&](int b, std::int32_t image) {
    if (threadIdx.x == 0 && image >= 0) {
      const RandomKey key = step_key(*rows.step, 0, RandomPurpose::augment);
      change = augmentation(rule.augment, key, static_cast<std::uint64_t>(image), data.h, data.w);
    }
    __syncthreads();
    if (at >= values) {
      return;
    }
    float value = 0.0F;
    if (image >= 0) {
      const std::uint8_t* const source = data.images + image * values;
      const auto channel = static_cast<int>(at - static_cast<std::int64_t>(pixel) * data.c);
      value = normalized(
          change.is_cut(y, x)
              ? kGrey
              : static_cast<float>(recolored<kColor>(data, change, source, y, x, channel)) / ColorChange::kOne,
          rule.offset);
    }
    batch[b * values + at] = value;
  });
}

__global__ void advance_step_kernel(const StepValues* table, std::int64_t steps, std::int32_t* counter,
                                    StepValues* current, DeviceError* error) {
  const std::int32_t next = *counter;
  if (index_in_range(error, IndexCheck::advance_step, 0, next, steps)) {
    *current = table[next];
    *counter = next + 1;
  }
}

bool is_within(std::int32_t value, std::int32_t most) { return value >= 0 && value <= most; }

bool is_valid(const ByteImages& data, const BatchRows& rows, const BatchRule& rule) {
  constexpr std::int64_t kLimit = std::int64_t{1} << 31;  // of numbers of images, pixels and shifts
  constexpr std::int32_t kMost = 1 << 20;
  return data.count >= 0 && data.count < kLimit && data.h > 0 && data.w > 0 && data.c > 0 &&
         static_cast<std::int64_t>(data.h) * data.w < kLimit / data.c && rows.length >= 0 &&
         is_within(rule.augment.shift, kMost) && is_within(rule.augment.cutout, kMost) &&
         is_within(rule.augment.rotation, 180) && is_within(rule.augment.crop, 90) &&
         is_within(rule.augment.brightness, 100) && is_within(rule.augment.contrast, 100) &&
         is_within(rule.augment.saturation, 100) && is_within(rule.augment.hue, 50);
}

}  // namespace

Status gather_batch(const ByteImages& data, const BatchRows& rows, const BatchRule& rule, int size, float* batch,
                    std::int32_t* labels, DeviceError* error, cudaStream_t stream) {
  if (!is_valid(data, rows, rule) || size < 0) {
    return invalid_argument("gather_batch: a size is not valid");
  }
  if (size == 0) {
    return {};
  }
  if (data.images == nullptr || data.labels == nullptr || rows.order == nullptr || batch == nullptr ||
      labels == nullptr) {
    return invalid_argument("gather_batch: an array is null");
  }
  const std::int64_t values = static_cast<std::int64_t>(data.h) * data.w * data.c;
  const auto grid = [&](int block_values) {
    return dim3(static_cast<unsigned>((values + block_values - 1) / block_values),
                std::min(static_cast<unsigned>(size), kMaxImageBlocks));
  };
  if (rule.augment.is_identity()) {
    gather_batch_kernel<<<grid(kBlockThreads * kVector), kBlockThreads, 0, stream>>>(data, rows, size, rule.offset,
                                                                                     batch, labels, error);
  } else if (rows.step == nullptr) {
    return invalid_argument("gather_batch: augmentation needs a step");
  } else {
    const auto kernel =
        rule.augment.recolors() ? gather_augmented_batch_kernel<true> : gather_augmented_batch_kernel<false>;
    kernel<<<grid(kBlockThreads), kBlockThreads, 0, stream>>>(data, rows, rule, size, batch, labels, error);
  }
  return launched("gather_batch");
}

Status advance_step(const StepValues* table, std::int64_t steps, std::int32_t* counter, StepValues* current,
                    DeviceError* error, cudaStream_t stream) {
  if (steps < 0 || (table == nullptr && steps > 0) || counter == nullptr || current == nullptr) {
    return invalid_argument("advance_step: a pointer is null, or steps is negative");
  }
  advance_step_kernel<<<1, 1, 0, stream>>>(table, steps, counter, current, error);
  return launched("advance_step");
}

}  // namespace bnas::cuda
