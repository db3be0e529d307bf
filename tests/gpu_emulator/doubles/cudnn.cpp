// SPDX-License-Identifier: Apache-2.0
// The calls of cuDNN that bnas makes, as plain loops ordered on the handle's stream. Other calls are absent.
#include <cudnn.h>

#include <algorithm>
#include <optional>

#include "doubles/convolution.hpp"

struct cudnnContext {
  cudaStream_t stream = nullptr;
};
struct cudnnTensorStruct {
  bnas::emu::Tensor4d tensor;
};
struct cudnnFilterStruct {
  bnas::emu::Tensor4d tensor;
};
struct cudnnConvolutionStruct {
  bnas::emu::ConvolutionShape shape;
};

namespace {

using namespace bnas::emu;

std::optional<Number> number(cudnnDataType_t type) {
  switch (type) {
    case CUDNN_DATA_FLOAT:
      return Number::f32;
    case CUDNN_DATA_HALF:
      return Number::f16;
    case CUDNN_DATA_BFLOAT16:
      return Number::bf16;
    default:
      return std::nullopt;
  }
}

cudnnStatus_t describe(Tensor4d& tensor, cudnnTensorFormat_t format, cudnnDataType_t type, std::array<int, 4> sizes) {
  const auto known = number(type);
  if (!known || (format != CUDNN_TENSOR_NCHW && format != CUDNN_TENSOR_NHWC)) {
    return CUDNN_STATUS_NOT_SUPPORTED;
  }
  if (std::any_of(sizes.begin(), sizes.end(), [](int size) { return size <= 0; })) {
    return CUDNN_STATUS_BAD_PARAM;
  }
  constexpr double kMostElements = 2147483648.0;  // cuDNN, "cudnnSetTensor4dDescriptor": 2 giga-elements
  if (1.0 * sizes[0] * sizes[1] * sizes[2] * sizes[3] > kMostElements) {
    return CUDNN_STATUS_NOT_SUPPORTED;
  }
  const std::ptrdiff_t c = sizes[1];
  const std::ptrdiff_t h = sizes[2];
  const std::ptrdiff_t w = sizes[3];
  tensor = {*known, sizes, {}};
  tensor.strides = format == CUDNN_TENSOR_NCHW ? std::array<std::ptrdiff_t, 4>{c * h * w, h * w, w, 1}
                                               : std::array<std::ptrdiff_t, 4>{c * h * w, 1, w * c, c};
  return CUDNN_STATUS_SUCCESS;
}

// What the chosen algorithm asks for: the real sizes depend on the device; these make callers provide some.
std::size_t workspace_bytes(const Convolution& convolution, bool needed) {
  constexpr std::size_t kGranule = 256;
  return needed ? (convolution.y.bytes() + kGranule - 1) / kGranule * kGranule : 0;
}

bool needs_workspace(cudnnConvolutionFwdAlgo_t algorithm) {
  return algorithm != CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM && algorithm != CUDNN_CONVOLUTION_FWD_ALGO_DIRECT;
}
bool needs_workspace(cudnnConvolutionBwdDataAlgo_t algorithm) { return algorithm != CUDNN_CONVOLUTION_BWD_DATA_ALGO_0; }
bool needs_workspace(cudnnConvolutionBwdFilterAlgo_t algorithm) {
  return algorithm != CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0;
}

struct Addresses {
  const void* x;
  const void* w;
  const void* y;
  void* workspace;
  std::size_t workspace_bytes;
};

cudnnStatus_t query(const Convolution& convolution, bool needed, std::size_t* bytes) {
  if (!bytes || !convolution.consistent()) {
    return CUDNN_STATUS_BAD_PARAM;
  }
  *bytes = workspace_bytes(convolution, needed);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t run(cudnnHandle_t handle, Convolution convolution, const char* name, const Addresses& at, bool needed,
                  const void* alpha, const void* beta) {
  if (!handle || !alpha || !beta || !convolution.consistent() || !at.x || !at.w || !at.y) {
    return CUDNN_STATUS_BAD_PARAM;
  }
  if (at.workspace_bytes < workspace_bytes(convolution, needed)) {
    return CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT;
  }
  convolution.alpha = static_cast<double>(*static_cast<const float*>(alpha));
  convolution.beta = static_cast<double>(*static_cast<const float*>(beta));
  using Direction = Convolution::Direction;
  DeviceWork work;
  const auto declare = [&](const Tensor4d& tensor, const void* address, Direction written_by) {
    const bool write = convolution.direction == written_by;
    if (!write || convolution.beta != 0) {
      tensor.declare(work, address, false);
    }
    if (write) {
      tensor.declare(work, address, true);
    }
  };
  declare(convolution.x, at.x, Direction::data);
  declare(convolution.w, at.w, Direction::filter);
  declare(convolution.y, at.y, Direction::forward);
  if (needed) {
    work.writes(at.workspace, workspace_bytes(convolution, needed));
  }
  const auto body = [convolution, at] {
    convolution.run(contents(const_cast<void*>(at.x), convolution.x.bytes()),
                    contents(const_cast<void*>(at.w), convolution.w.bytes()),
                    contents(const_cast<void*>(at.y), convolution.y.bytes()));
  };
  return work.enqueue(handle->stream, name, body) == cudaSuccess ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_EXECUTION_FAILED;
}

template <typename T>
cudnnStatus_t make(T** descriptor) {
  if (!descriptor) {
    return CUDNN_STATUS_BAD_PARAM_NULL_POINTER;
  }
  *descriptor = new T;
  return CUDNN_STATUS_SUCCESS;
}

template <typename T>
cudnnStatus_t destroy(T* descriptor) {
  delete descriptor;
  return CUDNN_STATUS_SUCCESS;
}

}  // namespace

extern "C" {

std::size_t cudnnGetVersion() { return CUDNN_VERSION; }
std::size_t cudnnGetCudartVersion() { return CUDART_VERSION; }

const char* cudnnGetErrorString(cudnnStatus_t status) {
  switch (status) {
    case CUDNN_STATUS_SUCCESS:
      return "CUDNN_STATUS_SUCCESS";
    case CUDNN_STATUS_NOT_INITIALIZED:
      return "CUDNN_STATUS_NOT_INITIALIZED";
    case CUDNN_STATUS_BAD_PARAM:
      return "CUDNN_STATUS_BAD_PARAM";
    case CUDNN_STATUS_BAD_PARAM_NULL_POINTER:
      return "CUDNN_STATUS_BAD_PARAM_NULL_POINTER";
    case CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT:
      return "CUDNN_STATUS_BAD_PARAM_SIZE_INSUFFICIENT";
    case CUDNN_STATUS_NOT_SUPPORTED:
      return "CUDNN_STATUS_NOT_SUPPORTED";
    case CUDNN_STATUS_EXECUTION_FAILED:
      return "CUDNN_STATUS_EXECUTION_FAILED";
    default:
      return "CUDNN_UNKNOWN_STATUS";
  }
}

cudnnStatus_t cudnnCreate(cudnnHandle_t* handle) {
  // As the real one: needs a device and cannot be called while a stream is captured.
  return cudaFree(nullptr) == cudaSuccess ? make(handle) : CUDNN_STATUS_NOT_INITIALIZED;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t handle) {
  (void)cudaDeviceSynchronize();  // cuDNN, "cudnnDestroy": implicitly
  return destroy(handle);
}

cudnnStatus_t cudnnSetStream(cudnnHandle_t handle, cudaStream_t stream) {
  if (!handle) {
    return CUDNN_STATUS_BAD_PARAM;
  }
  handle->stream = stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetStream(cudnnHandle_t handle, cudaStream_t* stream) {
  if (!handle || !stream) {
    return CUDNN_STATUS_BAD_PARAM;
  }
  *stream = handle->stream;
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnCreateTensorDescriptor(cudnnTensorDescriptor_t* descriptor) { return make(descriptor); }
cudnnStatus_t cudnnDestroyTensorDescriptor(cudnnTensorDescriptor_t descriptor) { return destroy(descriptor); }
cudnnStatus_t cudnnCreateFilterDescriptor(cudnnFilterDescriptor_t* descriptor) { return make(descriptor); }
cudnnStatus_t cudnnDestroyFilterDescriptor(cudnnFilterDescriptor_t descriptor) { return destroy(descriptor); }
cudnnStatus_t cudnnCreateConvolutionDescriptor(cudnnConvolutionDescriptor_t* descriptor) { return make(descriptor); }
cudnnStatus_t cudnnDestroyConvolutionDescriptor(cudnnConvolutionDescriptor_t descriptor) { return destroy(descriptor); }

cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t descriptor, cudnnTensorFormat_t format,
                                         cudnnDataType_t type, int n, int c, int h, int w) {
  return descriptor ? describe(descriptor->tensor, format, type, {n, c, h, w}) : CUDNN_STATUS_BAD_PARAM;
}

cudnnStatus_t cudnnSetTensor4dDescriptorEx(cudnnTensorDescriptor_t descriptor, cudnnDataType_t type, int n, int c,
                                           int h, int w, int n_stride, int c_stride, int h_stride, int w_stride) {
  const cudnnStatus_t status = cudnnSetTensor4dDescriptor(descriptor, CUDNN_TENSOR_NCHW, type, n, c, h, w);
  if (status == CUDNN_STATUS_SUCCESS) {
    descriptor->tensor.strides = {n_stride, c_stride, h_stride, w_stride};
  }
  return status;
}

cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t descriptor, cudnnDataType_t type,
                                         cudnnTensorFormat_t format, int k, int c, int h, int w) {
  return descriptor ? describe(descriptor->tensor, format, type, {k, c, h, w}) : CUDNN_STATUS_BAD_PARAM;
}

cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t descriptor, int pad_h, int pad_w,
                                              int stride_h, int stride_w, int dilation_h, int dilation_w,
                                              cudnnConvolutionMode_t mode, cudnnDataType_t compute) {
  if (!descriptor || pad_h < 0 || pad_w < 0 || stride_h < 1 || stride_w < 1 || dilation_h < 1 || dilation_w < 1) {
    return CUDNN_STATUS_BAD_PARAM;
  }
  if (compute != CUDNN_DATA_FLOAT) {
    return CUDNN_STATUS_NOT_SUPPORTED;
  }
  descriptor->shape = {{pad_h, pad_w}, {stride_h, stride_w}, {dilation_h, dilation_w}, 1, mode == CUDNN_CONVOLUTION};
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t descriptor, int groups) {
  if (!descriptor || groups < 1) {
    return CUDNN_STATUS_BAD_PARAM;
  }
  descriptor->shape.groups = groups;
  return CUDNN_STATUS_SUCCESS;
}

// Permits what plain loops do anyway.
cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t descriptor, cudnnMathType_t) {
  return descriptor ? CUDNN_STATUS_SUCCESS : CUDNN_STATUS_BAD_PARAM;
}

cudnnStatus_t cudnnGetConvolution2dForwardOutputDim(const cudnnConvolutionDescriptor_t convolution,
                                                    const cudnnTensorDescriptor_t x, const cudnnFilterDescriptor_t w,
                                                    int* n, int* c, int* h, int* v) {
  if (!convolution || !x || !w || !n || !c || !h || !v) {
    return CUDNN_STATUS_BAD_PARAM;
  }
  *n = x->tensor.sizes[0];
  *c = w->tensor.sizes[0];
  *h = convolution->shape.output(0, x->tensor.sizes[2], w->tensor.sizes[2]);
  *v = convolution->shape.output(1, x->tensor.sizes[3], w->tensor.sizes[3]);
  return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionForwardWorkspaceSize(cudnnHandle_t, const cudnnTensorDescriptor_t x,
                                                      const cudnnFilterDescriptor_t w,
                                                      const cudnnConvolutionDescriptor_t convolution,
                                                      const cudnnTensorDescriptor_t y,
                                                      cudnnConvolutionFwdAlgo_t algorithm, std::size_t* bytes) {
  return query({Convolution::Direction::forward, convolution->shape, x->tensor, w->tensor, y->tensor},
               needs_workspace(algorithm), bytes);
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t handle, const void* alpha, const cudnnTensorDescriptor_t x,
                                      const void* x_data, const cudnnFilterDescriptor_t w, const void* w_data,
                                      const cudnnConvolutionDescriptor_t convolution,
                                      cudnnConvolutionFwdAlgo_t algorithm, void* workspace, std::size_t workspace_size,
                                      const void* beta, const cudnnTensorDescriptor_t y, void* y_data) {
  return run(handle, {Convolution::Direction::forward, convolution->shape, x->tensor, w->tensor, y->tensor},
             "cudnn convolution forward", {x_data, w_data, y_data, workspace, workspace_size},
             needs_workspace(algorithm), alpha, beta);
}

cudnnStatus_t cudnnGetConvolutionBackwardDataWorkspaceSize(cudnnHandle_t, const cudnnFilterDescriptor_t w,
                                                           const cudnnTensorDescriptor_t dy,
                                                           const cudnnConvolutionDescriptor_t convolution,
                                                           const cudnnTensorDescriptor_t dx,
                                                           cudnnConvolutionBwdDataAlgo_t algorithm,
                                                           std::size_t* bytes) {
  return query({Convolution::Direction::data, convolution->shape, dx->tensor, w->tensor, dy->tensor},
               needs_workspace(algorithm), bytes);
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t handle, const void* alpha, const cudnnFilterDescriptor_t w,
                                           const void* w_data, const cudnnTensorDescriptor_t dy, const void* dy_data,
                                           const cudnnConvolutionDescriptor_t convolution,
                                           cudnnConvolutionBwdDataAlgo_t algorithm, void* workspace,
                                           std::size_t workspace_size, const void* beta,
                                           const cudnnTensorDescriptor_t dx, void* dx_data) {
  return run(handle, {Convolution::Direction::data, convolution->shape, dx->tensor, w->tensor, dy->tensor},
             "cudnn convolution backward data", {dx_data, w_data, dy_data, workspace, workspace_size},
             needs_workspace(algorithm), alpha, beta);
}

cudnnStatus_t cudnnGetConvolutionBackwardFilterWorkspaceSize(cudnnHandle_t, const cudnnTensorDescriptor_t x,
                                                             const cudnnTensorDescriptor_t dy,
                                                             const cudnnConvolutionDescriptor_t convolution,
                                                             const cudnnFilterDescriptor_t dw,
                                                             cudnnConvolutionBwdFilterAlgo_t algorithm,
                                                             std::size_t* bytes) {
  return query({Convolution::Direction::filter, convolution->shape, x->tensor, dw->tensor, dy->tensor},
               needs_workspace(algorithm), bytes);
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t handle, const void* alpha, const cudnnTensorDescriptor_t x,
                                             const void* x_data, const cudnnTensorDescriptor_t dy, const void* dy_data,
                                             const cudnnConvolutionDescriptor_t convolution,
                                             cudnnConvolutionBwdFilterAlgo_t algorithm, void* workspace,
                                             std::size_t workspace_size, const void* beta,
                                             const cudnnFilterDescriptor_t dw, void* dw_data) {
  return run(handle, {Convolution::Direction::filter, convolution->shape, x->tensor, dw->tensor, dy->tensor},
             "cudnn convolution backward filter", {x_data, dw_data, dy_data, workspace, workspace_size},
             needs_workspace(algorithm), alpha, beta);
}

}  // extern "C"
