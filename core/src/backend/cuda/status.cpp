// SPDX-License-Identifier: Apache-2.0
#include "backend/cuda/status.hpp"

#include <string>

#include "bnas/core/error.hpp"

namespace bnas::cuda_backend {
namespace {

FaultScope scope_of(cudaError_t error) {
  switch (error) {
    case cudaErrorECCUncorrectable:
    case cudaErrorDevicesUnavailable:
      return FaultScope::device;
    case cudaErrorUnknown:
      return FaultScope::unclear;
    default:
      return FaultScope::process;
  }
}

[[noreturn]] void fail(cudaError_t error, const std::string& what, int device) {
  const std::string text = "[" + what + "] cuda:" + std::to_string(device) + ": " + cudaGetErrorString(error) + " (" +
                           cudaGetErrorName(error) + ", " + std::to_string(error) + ")";
  switch (error) {
    case cudaErrorMemoryAllocation:
      throw OutOfMemory(text);
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
    case cudaErrorInsufficientDriver:
    case cudaErrorNoKernelImageForDevice:
      throw Error(ErrorKind::unavailable, text);
    default:
      if (is_sticky(error)) {
        throw DeviceFault(scope_of(error), text);
      }
      throw Error(ErrorKind::internal, text);
  }
}

}  // namespace

// Those of which driver_types.h says that the process must be ended.
bool is_sticky(cudaError_t error) {
  constexpr int kContained = 226, kTensorMemoryLeak = 721;  // later toolkits than 12.0 name them
  switch (static_cast<int>(error)) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorECCUncorrectable:
    case cudaErrorDevicesUnavailable:
    case cudaErrorContextIsDestroyed:
    case cudaErrorMpsClientTerminated:
    case cudaErrorExternalDevice:
    case kContained:
    case kTensorMemoryLeak:
    case cudaErrorUnknown:
      return true;
    default:
      return false;
  }
}

void require(cudaError_t error, const char* what, int device) {
  if (error != cudaSuccess) {
    fail(error, what, device);
  }
}

void require(const cuda::Status& status, const char* op, int device) {
  if (status.ok()) {
    return;
  }
  if (status.code == cuda::StatusCode::cuda_error) {
    fail(static_cast<cudaError_t>(status.detail), op, device);
  }
  char text[256];
  cuda::describe(status, text, sizeof(text));
  throw Error(status.code == cuda::StatusCode::unsupported ? ErrorKind::unavailable : ErrorKind::internal,
              "[" + std::string(op) + "] cuda:" + std::to_string(device) + ": " + text);
}

}  // namespace bnas::cuda_backend
