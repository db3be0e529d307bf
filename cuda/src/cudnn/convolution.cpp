// SPDX-License-Identifier: Apache-2.0
// cuDNN's algorithms differ in whether repeated runs give the same bits; the three below do (cuDNN API,
// "Reproducibility": all but backward data 0, backward filter 0 and 3).
#include "cudnn/convolution.hpp"

#include <cudnn.h>

namespace bnas::cuda {

bool built_with_cudnn() { return true; }

namespace cudnn {
namespace {

constexpr cudnnConvolutionFwdAlgo_t kForward = CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM;
constexpr cudnnConvolutionBwdDataAlgo_t kBackwardInput = CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
constexpr cudnnConvolutionBwdFilterAlgo_t kBackwardWeight = CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1;

/// What cuDNN does not support is no error of it: codes are in groups of a thousand.
Status from_cudnn(cudnnStatus_t status, const char* message) {
  if (status / 1000 * 1000 == CUDNN_STATUS_NOT_SUPPORTED) {
    return unsupported(message);
  }
  return status == CUDNN_STATUS_SUCCESS ? Status{} : Status{StatusCode::cudnn_error, static_cast<int>(status), message};
}

/// The descriptors of one convolution; status() tells whether cuDNN accepted them.
class Descriptors {
 public:
  explicit Descriptors(const Conv2dDims& d) {
    const auto f32 = CUDNN_DATA_FLOAT;
    const auto nhwc = CUDNN_TENSOR_NHWC;
    keep(cudnnCreateTensorDescriptor(&x_));
    keep(cudnnCreateTensorDescriptor(&y_));
    keep(cudnnCreateFilterDescriptor(&w_));
    keep(cudnnCreateConvolutionDescriptor(&convolution_));
    if (status_ != CUDNN_STATUS_SUCCESS) {
      return;
    }
    keep(cudnnSetTensor4dDescriptor(x_, nhwc, f32, d.n, d.c, d.h, d.w));
    keep(cudnnSetTensor4dDescriptor(y_, nhwc, f32, d.n, d.o, d.oh(), d.ow()));
    keep(cudnnSetFilter4dDescriptor(w_, f32, nhwc, d.o, d.c, d.kh, d.kw));
    keep(cudnnSetConvolution2dDescriptor(convolution_, d.pad_h.begin, d.pad_w.begin, d.stride_h, d.stride_w, 1, 1,
                                         CUDNN_CROSS_CORRELATION, f32));
    keep(cudnnSetConvolutionMathType(convolution_, CUDNN_FMA_MATH));
  }
  ~Descriptors() {
    if (convolution_ != nullptr) {
      cudnnDestroyConvolutionDescriptor(convolution_);
    }
    if (w_ != nullptr) {
      cudnnDestroyFilterDescriptor(w_);
    }
    for (cudnnTensorDescriptor_t tensor : {x_, y_}) {
      if (tensor != nullptr) {
        cudnnDestroyTensorDescriptor(tensor);
      }
    }
  }
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;

  Status status() const { return from_cudnn(status_, "conv2d: cuDNN refuses the shape"); }
  cudnnTensorDescriptor_t x() const { return x_; }
  cudnnTensorDescriptor_t y() const { return y_; }
  cudnnFilterDescriptor_t w() const { return w_; }
  cudnnConvolutionDescriptor_t convolution() const { return convolution_; }

 private:
  /// Remembers the first failure.
  void keep(cudnnStatus_t status) { status_ = status_ == CUDNN_STATUS_SUCCESS ? status : status_; }

  cudnnStatus_t status_ = CUDNN_STATUS_SUCCESS;
  cudnnTensorDescriptor_t x_ = nullptr;
  cudnnTensorDescriptor_t y_ = nullptr;
  cudnnFilterDescriptor_t w_ = nullptr;
  cudnnConvolutionDescriptor_t convolution_ = nullptr;
};

constexpr float kOne = 1.0F;
constexpr float kZero = 0.0F;

}  // namespace

Status open(cudaStream_t stream, cudnnContext** handle) {
  if (const cudnnStatus_t status = cudnnCreate(handle); status != CUDNN_STATUS_SUCCESS) {
    *handle = nullptr;
    return from_cudnn(status, "handles: cuDNN cannot be opened");
  }
  return from_cudnn(cudnnSetStream(*handle, stream), "handles: cuDNN refuses the stream");
}

void close(cudnnContext* handle) {
  if (handle != nullptr) {
    cudnnDestroy(handle);
  }
}

Status workspace_bytes(Conv2dPass pass, const Conv2dDims& dims, const Handles& handles, std::size_t* bytes) {
  const Descriptors d(dims);
  if (!d.status().ok()) {
    return d.status();
  }
  cudnnStatus_t status = CUDNN_STATUS_SUCCESS;
  switch (pass) {
    case Conv2dPass::forward:
      status = cudnnGetConvolutionForwardWorkspaceSize(handles.cudnn(), d.x(), d.w(), d.convolution(), d.y(), kForward,
                                                       bytes);
      break;
    case Conv2dPass::backward_input:
      status = cudnnGetConvolutionBackwardDataWorkspaceSize(handles.cudnn(), d.w(), d.y(), d.convolution(), d.x(),
                                                            kBackwardInput, bytes);
      break;
    case Conv2dPass::backward_weight:
      status = cudnnGetConvolutionBackwardFilterWorkspaceSize(handles.cudnn(), d.x(), d.y(), d.convolution(), d.w(),
                                                              kBackwardWeight, bytes);
      break;
  }
  return from_cudnn(status, "conv2d: cuDNN has no such algorithm for the shape");
}

Status forward(const Conv2dDims& dims, const float* x, const float* w, float* y, const Scratch& scratch,
               const Handles& handles) {
  const Descriptors d(dims);
  if (!d.status().ok()) {
    return d.status();
  }
  return from_cudnn(cudnnConvolutionForward(handles.cudnn(), &kOne, d.x(), x, d.w(), w, d.convolution(), kForward,
                                            scratch.data, scratch.bytes, &kZero, d.y(), y),
                    "conv2d");
}

Status backward_input(const Conv2dDims& dims, const float* dy, const float* w, float* dx, bool accumulate,
                      const Scratch& scratch, const Handles& handles) {
  const Descriptors d(dims);
  if (!d.status().ok()) {
    return d.status();
  }
  return from_cudnn(
      cudnnConvolutionBackwardData(handles.cudnn(), &kOne, d.w(), w, d.y(), dy, d.convolution(), kBackwardInput,
                                   scratch.data, scratch.bytes, accumulate ? &kOne : &kZero, d.x(), dx),
      "conv2d_backward_input");
}

Status backward_weight(const Conv2dDims& dims, const float* dy, const float* x, float* dw, bool accumulate,
                       const Scratch& scratch, const Handles& handles) {
  const Descriptors d(dims);
  if (!d.status().ok()) {
    return d.status();
  }
  return from_cudnn(
      cudnnConvolutionBackwardFilter(handles.cudnn(), &kOne, d.x(), x, d.y(), dy, d.convolution(), kBackwardWeight,
                                     scratch.data, scratch.bytes, accumulate ? &kOne : &kZero, d.w(), dw),
      "conv2d_backward_weight");
}

}  // namespace cudnn
}  // namespace bnas::cuda
