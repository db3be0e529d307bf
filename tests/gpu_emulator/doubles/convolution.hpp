// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>

#include "doubles/device_work.hpp"
#include "doubles/numbers.hpp"

namespace bnas::emu {

/// Four axes in device memory: images (N, C, H, W) or filters (K, C, R, S), in any layout.
struct Tensor4d {
  Number type = Number::f32;
  std::array<int, 4> sizes{};
  std::array<std::ptrdiff_t, 4> strides{};  // elements

  std::size_t bytes() const;  // from the first element to the last
  std::size_t at(int a, int b, int c, int d) const {
    return static_cast<std::size_t>(a * strides[0] + b * strides[1] + c * strides[2] + d * strides[3]);
  }
  bool packed() const;
  /// Adds the tensor to what a call reads or writes: rows along its densest axis when there are gaps.
  void declare(DeviceWork& work, const void* address, bool write) const;
};

struct ConvolutionShape {
  std::array<int, 2> pad{};
  std::array<int, 2> stride{1, 1};
  std::array<int, 2> dilation{1, 1};
  int groups = 1;
  bool flip = false;  // a convolution proper; else a cross-correlation

  int output(int axis, int input, int filter) const {
    return (input + 2 * pad[axis] - (dilation[axis] * (filter - 1) + 1)) / stride[axis] + 1;
  }
};

/// x (N,C,H,W) with w (K,C/groups,R,S) gives y (N,K,P,Q). Sums in double, in ascending order of the summed indices.
struct Convolution {
  enum class Direction { forward, data, filter };
  Direction direction = Direction::forward;
  ConvolutionShape shape;
  Tensor4d x;
  Tensor4d w;
  Tensor4d y;
  double alpha = 1;
  double beta = 0;

  bool consistent() const;
  /// The result of the direction is alpha times the sum plus beta times what was there. Contents, not addresses.
  void run(void* x_data, void* w_data, void* y_data) const;

 private:
  double forward_sum(const void* x_data, const void* w_data, int n, int k, int p, int q) const;
  double data_sum(const void* w_data, const void* y_data, int n, int c, int h, int v) const;
  double filter_sum(const void* x_data, const void* y_data, int k, int c, int r, int s) const;
  int tap(int axis, int i) const { return shape.flip ? w.sizes[static_cast<std::size_t>(axis) + 2] - 1 - i : i; }
};

}  // namespace bnas::emu
