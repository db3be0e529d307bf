// SPDX-License-Identifier: Apache-2.0
// Between the plain structs of bnas/kernels.h and the types of the C++ API.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <cuda_runtime_api.h>

#include "bnas/cuda/device_error.hpp"
#include "bnas/cuda/kernel_info.hpp"
#include "bnas/cuda/scratch.hpp"
#include "bnas/cuda/status.hpp"
#include "bnas/kernels.h"
#include "bnas/portable/dims.hpp"
#include "bnas/portable/step_values.hpp"

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

inline Pool2dDims from_c(const bnas_pool2d_dims& d) {
  Pool2dDims dims;
  dims.n = d.n, dims.h = d.h, dims.w = d.w, dims.c = d.c;
  dims.kh = d.kh, dims.kw = d.kw;
  dims.stride_h = d.stride_h, dims.stride_w = d.stride_w;
  dims.pad_h = {d.pad_top, d.pad_bottom};
  dims.pad_w = {d.pad_left, d.pad_right};
  return dims;
}

/// Null: none.
inline Scratch from_c(const bnas_scratch* scratch) {
  return scratch == nullptr ? Scratch{} : Scratch{scratch->data, scratch->bytes, scratch->tickets};
}

// Structs in memory of the device have the same layout in both interfaces; the host does not look into them.

static_assert(sizeof(bnas_step_values) == sizeof(StepValues));
static_assert(offsetof(bnas_step_values, bias_correction) == offsetof(StepValues, bias_correction));
static_assert(offsetof(bnas_step_values, first_row) == offsetof(StepValues, first_row));
static_assert(offsetof(bnas_step_values, random) == offsetof(StepValues, random));
static_assert(offsetof(bnas_random_key, purpose) == offsetof(RandomKey, purpose));
static_assert(sizeof(bnas_device_error) == sizeof(DeviceError));
static_assert(offsetof(bnas_device_error, limit) == offsetof(DeviceError, limit));

inline const StepValues* from_c(const bnas_step_values* on_device) {
  return reinterpret_cast<const StepValues*>(on_device);
}
inline StepValues* from_c(bnas_step_values* on_device) { return reinterpret_cast<StepValues*>(on_device); }
inline DeviceError* from_c(bnas_device_error* on_device) { return reinterpret_cast<DeviceError*>(on_device); }

/// call(*given), or the refusal of a null pointer; `refusal` is static text.
template <class C, class Call>
bnas_status_t with(const C* given, const char* refusal, Call call) {
  return to_c(given != nullptr ? call(*given) : invalid_argument(refusal));
}

/// call() where `value` is one of an enum's [0, count), else a refusal.
template <class Call>
bnas_status_t with_choice(std::int32_t value, std::int32_t count, const char* refusal, Call call) {
  return to_c(value >= 0 && value < count ? call() : invalid_argument(refusal));
}

/// `count` entries of a host array that is described by at most `Most` of C++'s: call(first, count).
template <class Cpp, int Most, class Convert, class Call>
bnas_status_t with_array(std::int32_t count, bool given, const char* refusal, Convert convert, Call call) {
  if (count < 0 || count > Most || (count > 0 && !given)) {
    return to_c(invalid_argument(refusal));
  }
  std::array<Cpp, Most> entries;
  for (std::int32_t i = 0; i < count; ++i) {
    entries[static_cast<std::size_t>(i)] = convert(i);
  }
  return to_c(call(entries.data(), count));
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
