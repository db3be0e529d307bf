// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "ptx/module.hpp"
#include "runtime/device.hpp"
#include "runtime/fat_binary.hpp"

namespace bnas::emu {

/// The device code of one translation unit; loaded per device at first use, since each has variables of its own.
struct FatBinary {
  struct Loaded {
    std::unique_ptr<Module> module;
    int capability = 0;  // that its PTX was compiled for
  };
  std::vector<PtxImage> images;
  std::map<const Device*, Loaded> modules;

  const Loaded& load(const Device& device);  // throws ApiError
};

/// A __global__ function, as host code knows it. The address of the object is its handle (cudaKernel_t,
/// cudaFunction_t).
struct KernelSymbol {
  FatBinary* binary = nullptr;
  const void* host = nullptr;  // the function that host code knows
  std::string mangled;
  std::string name;                      // demangled, without parameters
  std::size_t dynamic_shared_limit = 0;  // cudaFuncAttributeMaxDynamicSharedMemorySize; 0: not set

  const KernelInfo& info(const Device& device) const;  // throws ApiError
};

/// What host code registered before main(). Guarded by the runtime's mutex.
class Registry {
 public:
  FatBinary* add_binary(const void* wrapper);
  void add_kernel(FatBinary* binary, const void* host_function, const char* mangled);
  void add_variable(FatBinary* binary, const void* host_variable, const char* name);

  /// By host function or handle. Throws ApiError(cudaErrorInvalidDeviceFunction).
  KernelSymbol& kernel(const void* function);

  struct Variable {
    void* address = nullptr;
    std::size_t bytes = 0;
  };
  /// Throws ApiError(cudaErrorInvalidSymbol).
  Variable variable(const void* host_variable, Device& device);
  /// The device on which this address is part of a variable that was asked for.
  Device* owner_of(const void* address) const;

 private:
  struct VariableSymbol {
    FatBinary* binary = nullptr;
    std::string name;
  };
  struct Known {
    std::size_t bytes = 0;
    Device* device = nullptr;
  };
  std::vector<std::unique_ptr<FatBinary>> binaries_;
  std::map<const void*, std::unique_ptr<KernelSymbol>> kernels_;  // by host function
  std::set<const void*> handles_;
  std::map<const void*, VariableSymbol> variables_;
  std::map<const char*, Known> known_variables_;  // by address
};

}  // namespace bnas::emu
