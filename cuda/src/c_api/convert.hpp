// SPDX-License-Identifier: Apache-2.0
// Between the plain structs of bnas/kernels.h and the types of the C++ API.
#pragma once

#include <cstddef>
#include <cstdint>

#include <cuda_runtime_api.h>

#include "bnas/cuda/kernel_info.hpp"
#include "bnas/cuda/scratch.hpp"
#include "bnas/cuda/status.hpp"
#include "bnas/kernels.h"
#include "bnas/portable/dims.hpp"

namespace bnas::cuda::c_api {

inline bnas_status_t to_c(const Status& status) {
  return {static_cast<std::int32_t>(status.code), status.detail, status.message};
}

inline Status from_c(const bnas_status_t& status) {
  return {static_cast<StatusCode>(status.code), status.detail, status.message == nullptr ? "" : status.message};
}

inline Conv2dDims from_c(const bnas_conv2d_dims& d) {
  Conv2dDims dims;
  dims.n = d.n, dims.h = d.h, dims.w = d.w, dims.c = d.c;
  dims.o = d.o, dims.kh = d.kh, dims.kw = d.kw;
  dims.stride_h = d.stride_h, dims.stride_w = d.stride_w;
  dims.pad_h = {d.pad_top, d.pad_bottom};
  dims.pad_w = {d.pad_left, d.pad_right};
  dims.pad_value = d.pad_one != 0 ? PadValue::one : PadValue::zero;
  return dims;
}

/// Null: none.
inline Scratch from_c(const bnas_scratch* scratch) {
  return scratch == nullptr ? Scratch{} : Scratch{scratch->data, scratch->bytes, scratch->tickets};
}

/// 10 major + minor of the current device.
inline Status current_capability(int& capability) {
  int device = 0;
  int major = 0;
  int minor = 0;
  cudaError_t error = cudaGetDevice(&device);
  error = error != cudaSuccess ? error : cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
  error = error != cudaSuccess ? error : cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
  capability = 10 * major + minor;
  return error == cudaSuccess
             ? Status{}
             : Status{StatusCode::cuda_error, static_cast<int>(error), "device: its compute capability"};
}

/// What `make(dims, capability)` plans for the current device; or a plan whose status says why not.
template <class Plan>
Plan plan_here(const bnas_conv2d_dims* dims, Plan (*make)(const Conv2dDims&, int)) {
  Plan refused;
  if (dims == nullptr) {
    refused.status = invalid_argument("convolution: dims is null");
    return refused;
  }
  int capability = 0;
  refused.status = current_capability(capability);
  return refused.status.ok() ? make(from_c(*dims), capability) : refused;
}

/// Writes what a plan will launch.
template <class Plan>
bnas_status_t info_of(const char* operation, const Plan& plan, KernelInfo (*info_of_plan)(const Plan&),
                      bnas_kernel_info* info) {
  if (plan.status.ok() && info == nullptr) {
    return to_c(invalid_argument("convolution: info is null"));
  }
  if (plan.status.ok()) {
    const KernelInfo i = info_of_plan(plan);
    *info = {operation, i.variant, BNAS_EXACT, i.blocks, i.threads, i.shared_bytes};
  }
  return to_c(plan.status);
}

}  // namespace bnas::cuda::c_api
