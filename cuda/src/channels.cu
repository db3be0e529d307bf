// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/channels.hpp"

#include "support/divide.cuh"
#include "support/packed_rows.cuh"

namespace bnas::cuda {
namespace {

constexpr int kMostInputs = 16;  // of a launch

/// Channels [begin, begin + width) of rows of `channels`.
struct Columns {
  std::int64_t channels, begin, width;

  BNAS_HD std::int64_t quads() const { return (width + kQuad - 1) / kQuad; }
  /// Four of them can be moved as one vector.
  BNAS_HD bool whole() const { return (channels | begin | width) % kQuad == 0; }
};

/// Calls visit(narrow, wide) with quads of a matrix (rows, width) and of the columns of a wide one that belong to it.
template <class Visit>
__device__ void for_each_column_quad(std::int64_t rows, const Columns& columns, bool aligned, Visit visit) {
  const std::int64_t quads = columns.quads();
  grid_stride(rows * quads, [&](std::int64_t i) {
    const std::int64_t row = divide(i, quads);
    const std::int64_t channel = (i - row * quads) * kQuad;
    const int count = static_cast<int>(min(columns.width - channel, std::int64_t{kQuad}));
    const bool whole = aligned && columns.whole();
    visit(Quad{0, row * columns.width + channel, 0, count, whole},
          Quad{0, row * columns.channels + columns.begin + channel, 0, count, whole});
  });
}

struct Inputs {
  const float* x[kMostInputs];
  Columns columns[kMostInputs];
};

/// blockIdx.y is the input.
__global__ void concat_floats_kernel(const __grid_constant__ Inputs in, std::int64_t rows, float* y, bool aligned) {
  const float* x = in.x[blockIdx.y];
  for_each_column_quad(rows, in.columns[blockIdx.y], aligned,
                       [=](const Quad& from, const Quad& to) { store(y, to, load(x, from, 0.0F)); });
}

__global__ void slice_channels_kernel(const float* dy, std::int64_t rows, const __grid_constant__ Columns columns,
                                      float* dx, bool accumulate, bool aligned) {
  for_each_column_quad(rows, columns, aligned, [=](const Quad& to, const Quad& from) {
    const Four<float> upstream = load(dy, from, 0.0F);
    Four<float> sum = accumulate ? load<float>(dx, to, 0.0F) : Four<float>{};
#pragma unroll
    for (int i = 0; i < kQuad; ++i) {
      write(sum.v + i, upstream.v[i], accumulate);
    }
    store(dx, to, sum);
  });
}

}  // namespace

Status concat_floats(const FloatInput* inputs, int count, std::int64_t rows, float* y, cudaStream_t stream) {
  if (count < 1 || inputs == nullptr || rows < 0) {
    return invalid_argument("concat_floats: no inputs, or rows is negative");
  }
  std::int64_t channels = 0;
  bool aligned = is_aligned(y, sizeof(Four<float>));
  for (int i = 0; i < count; ++i) {
    if (inputs[i].channels < 0 || (inputs[i].x == nullptr && rows * inputs[i].channels > 0)) {
      return invalid_argument("concat_floats: an input is null or its channels are negative");
    }
    aligned = aligned && is_aligned(inputs[i].x, sizeof(Four<float>));
    channels += inputs[i].channels;
  }
  if (rows * channels == 0) {
    return {};
  }
  if (y == nullptr) {
    return invalid_argument("concat_floats: y is null");
  }
  std::int64_t begin = 0;
  for (int first = 0; first < count; first += kMostInputs) {
    Inputs in{};
    const int here = std::min(count - first, kMostInputs);
    std::int64_t most_quads = 0;
    for (int i = 0; i < here; ++i) {
      in.x[i] = inputs[first + i].x;
      in.columns[i] = {channels, begin, inputs[first + i].channels};
      begin += inputs[first + i].channels;
      most_quads = std::max(most_quads, rows * in.columns[i].quads());
    }
    if (most_quads == 0) {
      continue;
    }
    const dim3 grid(blocks_for(most_quads), static_cast<unsigned>(here));
    concat_floats_kernel<<<grid, kBlockThreads, 0, stream>>>(in, rows, y, aligned);
    if (const Status status = launched("concat_floats"); !status.ok()) {
      return status;
    }
  }
  return {};
}

Status slice_channels(const float* dy, std::int64_t rows, std::int64_t channels, std::int64_t begin, std::int64_t width,
                      float* dx, bool accumulate, cudaStream_t stream) {
  if (rows < 0 || begin < 0 || width < 0 || begin + width > channels ||
      (rows * width > 0 && (dy == nullptr || dx == nullptr))) {
    return invalid_argument("slice_channels: dy or dx is null, or the slice is not within the channels");
  }
  if (rows * width == 0) {
    return {};
  }
  const Columns columns{channels, begin, width};
  slice_channels_kernel<<<blocks_for(rows * columns.quads()), kBlockThreads, 0, stream>>>(
      dy, rows, columns, dx, accumulate, is_aligned(dy, sizeof(Four<float>)) && is_aligned(dx, sizeof(Four<float>)));
  return launched("slice_channels");
}

}  // namespace bnas::cuda
