// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <cstring>

#include "runtime/allocations.hpp"
#include "runtime/api.hpp"
#include "runtime/captures.hpp"
#include "runtime/streams.hpp"

using namespace bnas::emu;

namespace {

std::string pci_bus_id(const Device& device) {
  char text[16];
  std::snprintf(text, sizeof text, "0000:%02X:00.0", static_cast<unsigned>(device.attribute(cudaDevAttrPciBusId)));
  return text;
}

}  // namespace

extern "C" {

cudaError_t cudaGetDeviceCount(int* count) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(count != nullptr);
    *count = static_cast<int>(rt.devices().size());
    require(*count > 0, cudaErrorNoDevice);
  });
}

cudaError_t cudaSetDevice(int device) {
  return api(__func__, [&](Runtime& rt, Lock&) { this_thread().device = rt.device(device).ordinal; });
}

cudaError_t cudaGetDevice(int* device) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(device != nullptr);
    *device = rt.current_device().ordinal;
  });
}

cudaError_t cudaInitDevice(int device, unsigned, unsigned) {
  return api(__func__, [&](Runtime& rt, Lock&) { rt.device(device); });
}

cudaError_t cudaSetDeviceFlags(unsigned) {
  return api(__func__, [](Runtime& rt, Lock&) { rt.current_device(); });
}

cudaError_t cudaDeviceSynchronize() {
  return api(__func__, [](Runtime& rt, Lock& lock) {
    forbid_in_capture(rt, "cudaDeviceSynchronize");
    forbid_on_capturing_device(rt, rt.current_device(), "cudaDeviceSynchronize");
    wait_for_device(rt, lock, rt.current_device());
    trim_pools(rt);
  });
}

cudaError_t cudaDeviceReset() {
  return api(__func__, [](Runtime&, Lock&) {
    throw ApiError(cudaErrorNotSupported, "a device is reset by the end of its process");
  });
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(properties != nullptr);
    *properties = rt.device(device).properties();
  });
}

cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(value != nullptr);
    *value = rt.device(device).attribute(attribute);
  });
}

cudaError_t cudaDeviceGetPCIBusId(char* text, int bytes, int device) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    const std::string id = pci_bus_id(rt.device(device));
    require(text != nullptr && bytes > static_cast<int>(id.size()));
    std::memcpy(text, id.c_str(), id.size() + 1);
  });
}

cudaError_t cudaDeviceGetByPCIBusId(int* device, const char* text) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(device != nullptr && text != nullptr);
    for (const auto& candidate : rt.devices()) {
      if (pci_bus_id(*candidate) == text) {
        *device = candidate->ordinal;
        return;
      }
    }
    throw ApiError(cudaErrorInvalidDevice);
  });
}

cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    rt.current_device();
    if (least) {
      *least = 0;
    }
    if (greatest) {
      *greatest = kGreatestPriority;
    }
  });
}

cudaError_t cudaDeviceCanAccessPeer(int* can, int device, int peer) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(can != nullptr);
    rt.device(device);
    rt.device(peer);
    *can = 0;
  });
}

cudaError_t cudaMemGetInfo(std::size_t* free_bytes, std::size_t* total) {
  return api(__func__, [&](Runtime& rt, Lock&) {
    require(free_bytes != nullptr && total != nullptr);
    *free_bytes = rt.current_device().free_bytes();
    *total = options().memory;
  });
}

cudaError_t cudaDriverGetVersion(int* version) {
  return api(__func__, [&](Runtime&, Lock&) {
    require(version != nullptr);
    *version = CUDART_VERSION;
  });
}

cudaError_t cudaRuntimeGetVersion(int* version) { return cudaDriverGetVersion(version); }

}  // extern "C"
