// SPDX-License-Identifier: Apache-2.0
#include "runtime/errors.hpp"

#include <cstdio>
#include <map>

namespace bnas::emu {
namespace {

struct Description {
  const char* name;
  const char* text;
};

// Every code that this runtime or an injected fault can return; the texts are part of the runtime's interface.
const std::map<cudaError_t, Description>& descriptions() {
  static const std::map<cudaError_t, Description> table = {
      {cudaSuccess, {"cudaSuccess", "no error"}},
      {cudaErrorInvalidValue, {"cudaErrorInvalidValue", "invalid argument"}},
      {cudaErrorMemoryAllocation, {"cudaErrorMemoryAllocation", "out of memory"}},
      {cudaErrorInitializationError, {"cudaErrorInitializationError", "initialization error"}},
      {cudaErrorCudartUnloading, {"cudaErrorCudartUnloading", "driver shutting down"}},
      {cudaErrorInvalidConfiguration, {"cudaErrorInvalidConfiguration", "invalid configuration argument"}},
      {cudaErrorInvalidPitchValue, {"cudaErrorInvalidPitchValue", "invalid pitch argument"}},
      {cudaErrorInvalidSymbol, {"cudaErrorInvalidSymbol", "invalid device symbol"}},
      {cudaErrorInvalidHostPointer, {"cudaErrorInvalidHostPointer", "invalid host pointer"}},
      {cudaErrorInvalidDevicePointer, {"cudaErrorInvalidDevicePointer", "invalid device pointer"}},
      {cudaErrorInvalidMemcpyDirection, {"cudaErrorInvalidMemcpyDirection", "invalid copy direction for memcpy"}},
      {cudaErrorInsufficientDriver,
       {"cudaErrorInsufficientDriver", "CUDA driver version is insufficient for CUDA runtime version"}},
      {cudaErrorCallRequiresNewerDriver,
       {"cudaErrorCallRequiresNewerDriver", "API call is not supported in the installed CUDA driver"}},
      {cudaErrorDevicesUnavailable,
       {"cudaErrorDevicesUnavailable", "CUDA-capable device(s) is/are busy or unavailable"}},
      {cudaErrorMissingConfiguration, {"cudaErrorMissingConfiguration", "__global__ function call is not configured"}},
      {cudaErrorInvalidDeviceFunction, {"cudaErrorInvalidDeviceFunction", "invalid device function"}},
      {cudaErrorNoDevice, {"cudaErrorNoDevice", "no CUDA-capable device is detected"}},
      {cudaErrorInvalidDevice, {"cudaErrorInvalidDevice", "invalid device ordinal"}},
      {cudaErrorInvalidKernelImage, {"cudaErrorInvalidKernelImage", "device kernel image is invalid"}},
      {cudaErrorDeviceUninitialized, {"cudaErrorDeviceUninitialized", "invalid device context"}},
      {cudaErrorNoKernelImageForDevice,
       {"cudaErrorNoKernelImageForDevice", "no kernel image is available for execution on the device"}},
      {cudaErrorECCUncorrectable, {"cudaErrorECCUncorrectable", "uncorrectable ECC error encountered"}},
      {cudaErrorInvalidPtx, {"cudaErrorInvalidPtx", "a PTX JIT compilation failed"}},
      {cudaErrorUnsupportedPtxVersion,
       {"cudaErrorUnsupportedPtxVersion", "the provided PTX was compiled with an unsupported toolchain."}},
      {cudaErrorContained, {"cudaErrorContained", "Invalid access of peer GPU memory over nvlink or a hardware error"}},
      {cudaErrorOperatingSystem, {"cudaErrorOperatingSystem", "OS call failed or operation not supported on this OS"}},
      {cudaErrorInvalidResourceHandle, {"cudaErrorInvalidResourceHandle", "invalid resource handle"}},
      {cudaErrorIllegalState, {"cudaErrorIllegalState", "the operation cannot be performed in the present state"}},
      {cudaErrorLossyQuery, {"cudaErrorLossyQuery", "attempted introspection would be semantically lossy"}},
      {cudaErrorSymbolNotFound, {"cudaErrorSymbolNotFound", "named symbol not found"}},
      {cudaErrorNotReady, {"cudaErrorNotReady", "device not ready"}},
      {cudaErrorIllegalAddress, {"cudaErrorIllegalAddress", "an illegal memory access was encountered"}},
      {cudaErrorLaunchOutOfResources, {"cudaErrorLaunchOutOfResources", "too many resources requested for launch"}},
      {cudaErrorLaunchTimeout, {"cudaErrorLaunchTimeout", "the launch timed out and was terminated"}},
      {cudaErrorPeerAccessAlreadyEnabled, {"cudaErrorPeerAccessAlreadyEnabled", "peer access is already enabled"}},
      {cudaErrorPeerAccessNotEnabled, {"cudaErrorPeerAccessNotEnabled", "peer access has not been enabled"}},
      {cudaErrorContextIsDestroyed, {"cudaErrorContextIsDestroyed", "context is destroyed"}},
      {cudaErrorAssert, {"cudaErrorAssert", "device-side assert triggered"}},
      {cudaErrorHostMemoryAlreadyRegistered,
       {"cudaErrorHostMemoryAlreadyRegistered", "part or all of the requested memory range is already mapped"}},
      {cudaErrorHostMemoryNotRegistered,
       {"cudaErrorHostMemoryNotRegistered", "pointer does not correspond to a registered memory region"}},
      {cudaErrorHardwareStackError, {"cudaErrorHardwareStackError", "hardware stack error"}},
      {cudaErrorIllegalInstruction, {"cudaErrorIllegalInstruction", "an illegal instruction was encountered"}},
      {cudaErrorMisalignedAddress, {"cudaErrorMisalignedAddress", "misaligned address"}},
      {cudaErrorInvalidAddressSpace,
       {"cudaErrorInvalidAddressSpace", "operation not supported on global/shared address space"}},
      {cudaErrorInvalidPc, {"cudaErrorInvalidPc", "invalid program counter"}},
      {cudaErrorLaunchFailure, {"cudaErrorLaunchFailure", "unspecified launch failure"}},
      {cudaErrorCooperativeLaunchTooLarge,
       {"cudaErrorCooperativeLaunchTooLarge", "too many blocks in cooperative launch"}},
      {cudaErrorNotPermitted, {"cudaErrorNotPermitted", "operation not permitted"}},
      {cudaErrorNotSupported, {"cudaErrorNotSupported", "operation not supported"}},
      {cudaErrorSystemNotReady, {"cudaErrorSystemNotReady", "system not yet initialized"}},
      {cudaErrorStreamCaptureUnsupported,
       {"cudaErrorStreamCaptureUnsupported", "operation not permitted when stream is capturing"}},
      {cudaErrorStreamCaptureInvalidated,
       {"cudaErrorStreamCaptureInvalidated", "operation failed due to a previous error during capture"}},
      {cudaErrorStreamCaptureMerge,
       {"cudaErrorStreamCaptureMerge", "operation would result in a merge of separate capture sequences"}},
      {cudaErrorStreamCaptureUnmatched,
       {"cudaErrorStreamCaptureUnmatched", "capture was not ended in the same stream as it began"}},
      {cudaErrorStreamCaptureUnjoined, {"cudaErrorStreamCaptureUnjoined", "capturing stream has unjoined work"}},
      {cudaErrorStreamCaptureIsolation,
       {"cudaErrorStreamCaptureIsolation", "dependency created on uncaptured work in another stream"}},
      {cudaErrorStreamCaptureImplicit,
       {"cudaErrorStreamCaptureImplicit",
        "operation would make the legacy stream depend on a capturing blocking stream"}},
      {cudaErrorCapturedEvent,
       {"cudaErrorCapturedEvent", "operation not permitted on an event last recorded in a capturing stream"}},
      {cudaErrorStreamCaptureWrongThread,
       {"cudaErrorStreamCaptureWrongThread",
        "attempt to terminate a thread-local capture sequence from another thread"}},
      {cudaErrorGraphExecUpdateFailure,
       {"cudaErrorGraphExecUpdateFailure",
        "the graph update was not performed because it included changes which violated constraints specific to "
        "instantiated graph update"}},
      {cudaErrorInvalidClusterSize,
       {"cudaErrorInvalidClusterSize", "a kernel launch error has occurred due to cluster misconfiguration"}},
      {cudaErrorUnknown, {"cudaErrorUnknown", "unknown error"}},
  };
  return table;
}

Description description(cudaError_t code) {
  const auto it = descriptions().find(code);
  return it == descriptions().end() ? Description{"unrecognized error code", "unrecognized error code"} : it->second;
}

}  // namespace

const char* error_name(cudaError_t code) { return description(code).name; }
const char* error_text(cudaError_t code) { return description(code).text; }

void explain(const std::string& text) { std::fprintf(stderr, "bnas emulator: %s\n", text.c_str()); }

}  // namespace bnas::emu
