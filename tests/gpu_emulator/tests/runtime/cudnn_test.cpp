// SPDX-License-Identifier: Apache-2.0
#include <cudnn.h>

#include "tests/runtime/support.hpp"

namespace bnas::test {
namespace {

// Small integers: every sum is exact in float.
std::vector<float> values(std::size_t size, int salt) {
  std::vector<float> v(size);
  for (std::size_t i = 0; i < size; ++i) {
    v[i] = static_cast<float>((static_cast<int>(i) * 5 + salt) % 9 - 4);
  }
  return v;
}

void must(cudnnStatus_t status) { ASSERT_EQ(status, CUDNN_STATUS_SUCCESS) << cudnnGetErrorString(status); }

struct Shape {
  int n, c, h, w;  // images
  int k, r, s;     // filters
  int pad, stride, dilation;
  cudnnTensorFormat_t format;
  int p() const { return (h + 2 * pad - dilation * (r - 1) - 1) / stride + 1; }
  int q() const { return (w + 2 * pad - dilation * (s - 1) - 1) / stride + 1; }
};

// Index in an array of (a, b, c, d) with b..d of these sizes.
std::size_t at(cudnnTensorFormat_t format, int a, int b, int c, int d, int nb, int nc, int nd) {
  const int index = format == CUDNN_TENSOR_NCHW ? ((a * nb + b) * nc + c) * nd + d : ((a * nc + c) * nd + d) * nb + b;
  return static_cast<std::size_t>(index);
}

// Calls visit(x index, w index, y index) for each product of the sum that defines a convolution.
template <typename Visit>
void each_product(const Shape& z, const Visit& visit) {
  for (int n = 0; n < z.n; ++n) {
    for (int k = 0; k < z.k; ++k) {
      for (int p = 0; p < z.p(); ++p) {
        for (int q = 0; q < z.q(); ++q) {
          for (int c = 0; c < z.c; ++c) {
            for (int r = 0; r < z.r; ++r) {
              for (int s = 0; s < z.s; ++s) {
                const int h = p * z.stride - z.pad + r * z.dilation;
                const int w = q * z.stride - z.pad + s * z.dilation;
                if (h >= 0 && h < z.h && w >= 0 && w < z.w) {
                  visit(at(z.format, n, c, h, w, z.c, z.h, z.w), at(z.format, k, c, r, s, z.c, z.r, z.s),
                        at(z.format, n, k, p, q, z.k, z.p(), z.q()));
                }
              }
            }
          }
        }
      }
    }
  }
}

class CudnnTest : public testing::TestWithParam<Shape> {
 protected:
  CudnnTest() {
    const Shape& z = GetParam();
    must(cudnnCreate(&handle_));
    must(cudnnSetStream(handle_, stream_));
    must(cudnnCreateTensorDescriptor(&x_));
    must(cudnnCreateTensorDescriptor(&y_));
    must(cudnnCreateFilterDescriptor(&w_));
    must(cudnnCreateConvolutionDescriptor(&convolution_));
    must(cudnnSetTensor4dDescriptor(x_, z.format, CUDNN_DATA_FLOAT, z.n, z.c, z.h, z.w));
    must(cudnnSetTensor4dDescriptor(y_, z.format, CUDNN_DATA_FLOAT, z.n, z.k, z.p(), z.q()));
    must(cudnnSetFilter4dDescriptor(w_, CUDNN_DATA_FLOAT, z.format, z.k, z.c, z.r, z.s));
    must(cudnnSetConvolution2dDescriptor(convolution_, z.pad, z.pad, z.stride, z.stride, z.dilation, z.dilation,
                                         CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
  }
  ~CudnnTest() override {
    cudnnDestroyConvolutionDescriptor(convolution_);
    cudnnDestroyFilterDescriptor(w_);
    cudnnDestroyTensorDescriptor(y_);
    cudnnDestroyTensorDescriptor(x_);
    cudnnDestroy(handle_);
  }
  void TearDown() override { EXPECT_EQ(take_findings(), std::vector<std::string>()); }

  static std::size_t x_size() {
    return static_cast<std::size_t>(GetParam().n * GetParam().c * GetParam().h * GetParam().w);
  }
  static std::size_t w_size() {
    return static_cast<std::size_t>(GetParam().k * GetParam().c * GetParam().r * GetParam().s);
  }
  static std::size_t y_size() {
    return static_cast<std::size_t>(GetParam().n * GetParam().k * GetParam().p() * GetParam().q());
  }

  Stream stream_;
  cudnnHandle_t handle_ = nullptr;
  cudnnTensorDescriptor_t x_ = nullptr;
  cudnnTensorDescriptor_t y_ = nullptr;
  cudnnFilterDescriptor_t w_ = nullptr;
  cudnnConvolutionDescriptor_t convolution_ = nullptr;
  const float one_ = 1;
  const float zero_ = 0;
};

TEST_P(CudnnTest, ForwardAndTheWorkspaceItAsksFor) {
  const Shape& z = GetParam();
  int n = 0, k = 0, p = 0, q = 0;
  must(cudnnGetConvolution2dForwardOutputDim(convolution_, x_, w_, &n, &k, &p, &q));
  EXPECT_EQ((std::vector<int>{n, k, p, q}), (std::vector<int>{z.n, z.k, z.p(), z.q()}));
  const std::vector<float> x = values(x_size(), 1);
  const std::vector<float> w = values(w_size(), 2);
  std::vector<float> expected(y_size(), 0);
  each_product(z, [&](std::size_t xi, std::size_t wi, std::size_t yi) { expected[yi] += x[xi] * w[wi]; });
  DeviceArray<float> dx(x);
  DeviceArray<float> dw(w);
  DeviceArray<float> dy(y_size());
  constexpr auto kAlgorithm = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
  std::size_t bytes = 0;
  must(cudnnGetConvolutionForwardWorkspaceSize(handle_, x_, w_, convolution_, y_, kAlgorithm, &bytes));
  ASSERT_GT(bytes, 0U);
  DeviceArray<char> workspace(bytes);
  EXPECT_EQ(cudnnConvolutionForward(handle_, &one_, x_, dx.data(), w_, dw.data(), convolution_, kAlgorithm,
                                    workspace.data(), bytes - 1, &zero_, y_, dy.data()),
            CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT);
  must(cudnnConvolutionForward(handle_, &one_, x_, dx.data(), w_, dw.data(), convolution_, kAlgorithm, workspace.data(),
                               bytes, &zero_, y_, dy.data()));
  stream_.synchronize();
  EXPECT_EQ(dy.download(), expected);
}

TEST_P(CudnnTest, BackwardDataAddsWithBeta) {
  const std::vector<float> dy = values(y_size(), 1);
  const std::vector<float> w = values(w_size(), 2);
  std::vector<float> expected = values(x_size(), 3);
  each_product(GetParam(), [&](std::size_t xi, std::size_t wi, std::size_t yi) { expected[xi] += dy[yi] * w[wi]; });
  DeviceArray<float> ddx(values(x_size(), 3));
  DeviceArray<float> dw(w);
  DeviceArray<float> ddy(dy);
  must(cudnnConvolutionBackwardData(handle_, &one_, w_, dw.data(), y_, ddy.data(), convolution_,
                                    CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, nullptr, 0, &one_, x_, ddx.data()));
  stream_.synchronize();
  EXPECT_EQ(ddx.download(), expected);
}

TEST_P(CudnnTest, BackwardFilter) {
  const std::vector<float> x = values(x_size(), 1);
  const std::vector<float> dy = values(y_size(), 2);
  std::vector<float> expected(w_size(), 0);
  each_product(GetParam(), [&](std::size_t xi, std::size_t wi, std::size_t yi) { expected[wi] += x[xi] * dy[yi]; });
  DeviceArray<float> dx(x);
  DeviceArray<float> ddw(w_size());
  DeviceArray<float> ddy(dy);
  must(cudnnConvolutionBackwardFilter(handle_, &one_, x_, dx.data(), y_, ddy.data(), convolution_,
                                      CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, nullptr, 0, &zero_, w_, ddw.data()));
  stream_.synchronize();
  EXPECT_EQ(ddw.download(), expected);
}

INSTANTIATE_TEST_SUITE_P(Shapes, CudnnTest,
                         testing::Values(Shape{2, 3, 5, 6, 4, 3, 3, 1, 1, 1, CUDNN_TENSOR_NHWC},
                                         Shape{1, 2, 7, 7, 3, 3, 2, 0, 2, 1, CUDNN_TENSOR_NCHW},
                                         Shape{1, 2, 8, 7, 2, 3, 3, 2, 1, 2, CUDNN_TENSOR_NHWC}));

}  // namespace
}  // namespace bnas::test
