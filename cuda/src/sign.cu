// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/sign.hpp"

#include "support/packed_rows.cuh"

namespace bnas::cuda {
namespace {

template <class T>
__global__ void sign_kernel(const T* x, std::int64_t rows, std::int64_t channels, Word* bits, Word* mask) {
  for_each_quad(rows, channels, [=](const Quad& quad) {
    const Four<T> four = load(x, quad, T{2});  // neither negative nor in the mask
    Word negative = 0U;
    Word inside = 0U;
#pragma unroll
    for (int i = 0; i < kQuad; ++i) {
      const T v = four.v[i];
      negative |= (v < T{0} ? 1U : 0U) << i;
      inside |= (v >= T{-1} && v <= T{1} ? 1U : 0U) << i;
    }
    negative = join_bits(negative << quad.shift);
    inside = join_bits(inside << quad.shift);
    if (quad.shift == 0 && quad.count > 0) {
      bits[quad.word] = negative;
      if (mask != nullptr) {
        mask[quad.word] = inside;
      }
    }
  });
}

__global__ void unpack_kernel(const Word* bits, std::int64_t rows, std::int64_t channels, float* y) {
  for_each_quad(rows, channels, [=](const Quad& quad) {
    if (quad.count > 0) {
      const Word word = bits[quad.word] >> quad.shift;
      store(y, quad, {bit_value(word & 1U), bit_value(word & 2U), bit_value(word & 4U), bit_value(word & 8U)});
    }
  });
}

__global__ void mask_backward_kernel(const float* dy, const Word* mask, std::int64_t rows, std::int64_t channels,
                                     float* dx, bool accumulate) {
  for_each_quad(rows, channels, [=](const Quad& quad) {
    if (quad.count > 0) {
      const Word word = mask[quad.word] >> quad.shift;
      const Four<float> upstream = load(dy, quad, 0.0F);
      Four<float> sum = accumulate ? load<float>(dx, quad, 0.0F) : Four<float>{};
#pragma unroll
      for (int i = 0; i < kQuad; ++i) {
        write(sum.v + i, (word >> i & 1U) != 0U ? upstream.v[i] : 0.0F, accumulate);
      }
      store(dx, quad, sum);
    }
  });
}

template <PseudoGradient kKind>
__global__ void sign_backward_kernel(const float* dy, const float* x, std::int64_t n, float* dx, bool accumulate) {
  grid_stride(n, [=](std::int64_t i) { write(dx + i, dy[i] * pseudo_gradient(kKind, x[i]), accumulate); });
}

template <class T>
__global__ void to_float_kernel(const T* x, std::int64_t n, float* y) {
  grid_stride(n, [=](std::int64_t i) { y[i] = static_cast<float>(x[i]); });
}

template <class T>
Status launch_sign(const T* x, std::int64_t rows, std::int64_t channels, Word* bits, Word* mask, cudaStream_t stream) {
  if (rows < 0 || channels < 0 || (rows * channels > 0 && (x == nullptr || bits == nullptr))) {
    return invalid_argument("sign: x or bits is null, or a size is negative");
  }
  if (rows * channels == 0) {
    return {};
  }
  sign_kernel<<<quad_blocks(rows, channels), kBlockThreads, 0, stream>>>(x, rows, channels, bits, mask);
  return launched("sign");
}

template <class T>
Status launch_to_float(const T* x, std::int64_t n, float* y, cudaStream_t stream) {
  if (n < 0 || (n > 0 && (x == nullptr || y == nullptr))) {
    return invalid_argument("to_float: x or y is null, or n is negative");
  }
  if (n == 0) {
    return {};
  }
  to_float_kernel<<<blocks_for(n), kBlockThreads, 0, stream>>>(x, n, y);
  return launched("to_float");
}

}  // namespace

Status sign(const float* x, std::int64_t rows, std::int64_t channels, Word* bits, Word* mask, cudaStream_t stream) {
  return launch_sign(x, rows, channels, bits, mask, stream);
}
Status sign(const std::int8_t* x, std::int64_t rows, std::int64_t channels, Word* bits, Word* mask,
            cudaStream_t stream) {
  return launch_sign(x, rows, channels, bits, mask, stream);
}
Status sign(const std::int16_t* x, std::int64_t rows, std::int64_t channels, Word* bits, Word* mask,
            cudaStream_t stream) {
  return launch_sign(x, rows, channels, bits, mask, stream);
}
Status sign(const std::int32_t* x, std::int64_t rows, std::int64_t channels, Word* bits, Word* mask,
            cudaStream_t stream) {
  return launch_sign(x, rows, channels, bits, mask, stream);
}

Status unpack(const Word* bits, std::int64_t rows, std::int64_t channels, float* y, cudaStream_t stream) {
  if (rows < 0 || channels < 0 || (rows * channels > 0 && (bits == nullptr || y == nullptr))) {
    return invalid_argument("unpack: bits or y is null, or a size is negative");
  }
  if (rows * channels == 0) {
    return {};
  }
  unpack_kernel<<<quad_blocks(rows, channels), kBlockThreads, 0, stream>>>(bits, rows, channels, y);
  return launched("unpack");
}

Status mask_backward(const float* dy, const Word* mask, std::int64_t rows, std::int64_t channels, float* dx,
                     bool accumulate, cudaStream_t stream) {
  if (rows < 0 || channels < 0 || (rows * channels > 0 && (dy == nullptr || mask == nullptr || dx == nullptr))) {
    return invalid_argument("mask_backward: dy, mask or dx is null, or a size is negative");
  }
  if (rows * channels == 0) {
    return {};
  }
  mask_backward_kernel<<<quad_blocks(rows, channels), kBlockThreads, 0, stream>>>(dy, mask, rows, channels, dx,
                                                                                  accumulate);
  return launched("mask_backward");
}

Status sign_backward(const float* dy, const float* x, std::int64_t n, PseudoGradient kind, float* dx, bool accumulate,
                     cudaStream_t stream) {
  if (n < 0 || (n > 0 && (dy == nullptr || x == nullptr || dx == nullptr))) {
    return invalid_argument("sign_backward: dy, x or dx is null, or n is negative");
  }
  if (n == 0) {
    return {};
  }
  const auto launch = [&](auto kernel) {
    kernel<<<blocks_for(n), kBlockThreads, 0, stream>>>(dy, x, n, dx, accumulate);
    return launched("sign_backward");
  };
  switch (kind) {
    case PseudoGradient::ste_sign:
      return launch(sign_backward_kernel<PseudoGradient::ste_sign>);
    case PseudoGradient::approx_sign:
      return launch(sign_backward_kernel<PseudoGradient::approx_sign>);
    case PseudoGradient::swish_sign:
      return launch(sign_backward_kernel<PseudoGradient::swish_sign>);
  }
  return invalid_argument("sign_backward: unknown pseudo-gradient");
}

Status to_float(const std::uint8_t* x, std::int64_t n, float* y, cudaStream_t stream) {
  return launch_to_float(x, n, y, stream);
}
Status to_float(const std::int8_t* x, std::int64_t n, float* y, cudaStream_t stream) {
  return launch_to_float(x, n, y, stream);
}
Status to_float(const std::int16_t* x, std::int64_t n, float* y, cudaStream_t stream) {
  return launch_to_float(x, n, y, stream);
}
Status to_float(const std::int32_t* x, std::int64_t n, float* y, cudaStream_t stream) {
  return launch_to_float(x, n, y, stream);
}

}  // namespace bnas::cuda
