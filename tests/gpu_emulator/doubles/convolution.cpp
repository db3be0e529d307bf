// SPDX-License-Identifier: Apache-2.0
#include "doubles/convolution.hpp"

#include <algorithm>

namespace bnas::emu {

std::size_t Tensor4d::bytes() const {
  std::size_t last = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    last += static_cast<std::size_t>(sizes[i] - 1) * static_cast<std::size_t>(strides[i]);
  }
  return (last + 1) * bytes_of(type);
}

bool Tensor4d::packed() const {
  std::size_t elements = 1;
  for (const int size : sizes) {
    elements *= static_cast<std::size_t>(size);
  }
  return elements * bytes_of(type) == bytes();
}

void Tensor4d::declare(DeviceWork& work, const void* address, bool write) const {
  const auto add = [&](const void* at, std::size_t width, std::size_t rows, std::size_t pitch) {
    write ? work.writes(at, width, rows, pitch) : work.reads(at, width, rows, pitch);
  };
  if (packed()) {
    add(address, bytes(), 1, 0);
    return;
  }
  const std::size_t size = bytes_of(type);
  for (int a = 0; a < sizes[0]; ++a) {
    for (int b = 0; b < sizes[1]; ++b) {
      for (int c = 0; c < sizes[2]; ++c) {
        add(static_cast<const char*>(address) + at(a, b, c, 0) * size, size, static_cast<std::size_t>(sizes[3]),
            static_cast<std::size_t>(strides[3]) * size);
      }
    }
  }
}

bool Convolution::consistent() const {
  const int groups = shape.groups;
  return groups > 0 && x.sizes[0] == y.sizes[0] && x.sizes[1] == w.sizes[1] * groups && w.sizes[0] == y.sizes[1] &&
         w.sizes[0] % groups == 0 && y.sizes[2] == shape.output(0, x.sizes[2], w.sizes[2]) &&
         y.sizes[3] == shape.output(1, x.sizes[3], w.sizes[3]);
}

double Convolution::forward_sum(const void* x_data, const void* w_data, int n, int k, int p, int q) const {
  const int first = k / (w.sizes[0] / shape.groups) * w.sizes[1];  // input channel of the group
  double sum = 0;
  for (int c = 0; c < w.sizes[1]; ++c) {
    for (int r = 0; r < w.sizes[2]; ++r) {
      for (int s = 0; s < w.sizes[3]; ++s) {
        const int h = p * shape.stride[0] - shape.pad[0] + r * shape.dilation[0];
        const int v = q * shape.stride[1] - shape.pad[1] + s * shape.dilation[1];
        if (h >= 0 && h < x.sizes[2] && v >= 0 && v < x.sizes[3]) {
          sum +=
              load(x_data, x.at(n, first + c, h, v), x.type) * load(w_data, w.at(k, c, tap(0, r), tap(1, s)), w.type);
        }
      }
    }
  }
  return sum;
}

double Convolution::data_sum(const void* w_data, const void* y_data, int n, int c, int h, int v) const {
  const int filters = w.sizes[0] / shape.groups;
  const int group = c / w.sizes[1];
  double sum = 0;
  for (int k = group * filters; k < (group + 1) * filters; ++k) {
    for (int r = 0; r < w.sizes[2]; ++r) {
      for (int s = 0; s < w.sizes[3]; ++s) {
        const int p = h + shape.pad[0] - r * shape.dilation[0];
        const int q = v + shape.pad[1] - s * shape.dilation[1];
        const bool hit = p >= 0 && q >= 0 && p % shape.stride[0] == 0 && q % shape.stride[1] == 0 &&
                         p / shape.stride[0] < y.sizes[2] && q / shape.stride[1] < y.sizes[3];
        if (hit) {
          sum += load(y_data, y.at(n, k, p / shape.stride[0], q / shape.stride[1]), y.type) *
                 load(w_data, w.at(k, c % w.sizes[1], tap(0, r), tap(1, s)), w.type);
        }
      }
    }
  }
  return sum;
}

double Convolution::filter_sum(const void* x_data, const void* y_data, int k, int c, int r, int s) const {
  const int channel = k / (w.sizes[0] / shape.groups) * w.sizes[1] + c;
  double sum = 0;
  for (int n = 0; n < x.sizes[0]; ++n) {
    for (int p = 0; p < y.sizes[2]; ++p) {
      for (int q = 0; q < y.sizes[3]; ++q) {
        const int h = p * shape.stride[0] - shape.pad[0] + tap(0, r) * shape.dilation[0];
        const int v = q * shape.stride[1] - shape.pad[1] + tap(1, s) * shape.dilation[1];
        if (h >= 0 && h < x.sizes[2] && v >= 0 && v < x.sizes[3]) {
          sum += load(x_data, x.at(n, channel, h, v), x.type) * load(y_data, y.at(n, k, p, q), y.type);
        }
      }
    }
  }
  return sum;
}

void Convolution::run(void* x_data, void* w_data, void* y_data) const {
  const Tensor4d& result = direction == Direction::forward ? y : direction == Direction::data ? x : w;
  void* const out = direction == Direction::forward ? y_data : direction == Direction::data ? x_data : w_data;
  for (int a = 0; a < result.sizes[0]; ++a) {
    for (int b = 0; b < result.sizes[1]; ++b) {
      for (int c = 0; c < result.sizes[2]; ++c) {
        for (int d = 0; d < result.sizes[3]; ++d) {
          const double sum = direction == Direction::forward ? forward_sum(x_data, w_data, a, b, c, d)
                             : direction == Direction::data  ? data_sum(w_data, y_data, a, b, c, d)
                                                             : filter_sum(x_data, y_data, a, b, c, d);
          const std::size_t at = result.at(a, b, c, d);
          const double old = beta == 0 ? 0 : beta * load(out, at, result.type);
          store(out, at, result.type, alpha * sum + old);
        }
      }
    }
  }
}

}  // namespace bnas::emu
