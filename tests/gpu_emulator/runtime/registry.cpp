// SPDX-License-Identifier: Apache-2.0
#include "runtime/registry.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <iterator>

#include "runtime/errors.hpp"

namespace bnas::emu {
namespace {

// "void scale<float>(float*, int)" as "scale<float>".
std::string readable(const char* mangled) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(mangled, nullptr, nullptr, &status), std::free);
  if (status != 0) {
    return mangled;
  }
  std::string name = text.get();
  if (name.starts_with("void ")) {
    name.erase(0, 5);
  }
  // The parameter list is the last balanced pair of parentheses.
  int depth = 0;
  for (std::size_t i = name.size(); i-- > 0;) {
    depth += name[i] == ')' ? 1 : name[i] == '(' ? -1 : 0;
    if (depth == 0 && name[i] == '(') {
      name.erase(i);
      break;
    }
  }
  return name;
}

}  // namespace

const FatBinary::Loaded& FatBinary::load(const Device& device) {
  Loaded& loaded = modules[&device];
  if (!loaded.module) {
    const PtxImage& image = choose_ptx(images, device.capability.value());
    try {
      loaded = {Module::load(image.text), image.capability};
    } catch (const PtxError& error) {
      throw ApiError(cudaErrorInvalidPtx, "PTX line " + std::to_string(error.line()) + ": " + error.what());
    }
  }
  return loaded;
}

const KernelInfo& KernelSymbol::info(const Device& device) const {
  const KernelInfo* found = binary->load(device).module->kernel(mangled);
  if (!found) {
    throw ApiError(cudaErrorInvalidDeviceFunction, "kernel " + name + " is not in the PTX chosen for " + device.name());
  }
  return *found;
}

FatBinary* Registry::add_binary(const void* wrapper) {
  binaries_.push_back(std::make_unique<FatBinary>());
  binaries_.back()->images = embedded_ptx(wrapper);
  return binaries_.back().get();
}

void Registry::add_kernel(FatBinary* binary, const void* host_function, const char* mangled) {
  auto symbol = std::make_unique<KernelSymbol>();
  symbol->binary = binary;
  symbol->host = host_function;
  symbol->mangled = mangled;
  symbol->name = readable(mangled);
  handles_.insert(symbol.get());
  kernels_[host_function] = std::move(symbol);
}

void Registry::add_variable(FatBinary* binary, const void* host_variable, const char* name) {
  variables_[host_variable] = {binary, name};
}

KernelSymbol& Registry::kernel(const void* function) {
  if (handles_.contains(function)) {
    return *static_cast<KernelSymbol*>(const_cast<void*>(function));
  }
  const auto it = kernels_.find(function);
  require(it != kernels_.end(), cudaErrorInvalidDeviceFunction);
  return *it->second;
}

Registry::Variable Registry::variable(const void* host_variable, Device& device) {
  const auto it = variables_.find(host_variable);
  require(it != variables_.end(), cudaErrorInvalidSymbol);
  Variable variable;
  variable.address = it->second.binary->load(device).module->variable(it->second.name, &variable.bytes);
  require(variable.address != nullptr, cudaErrorInvalidSymbol);
  known_variables_[static_cast<const char*>(variable.address)] = {variable.bytes, &device};
  return variable;
}

Device* Registry::owner_of(const void* address) const {
  const auto* at = static_cast<const char*>(address);
  const auto next = known_variables_.upper_bound(at);
  if (next == known_variables_.begin()) {
    return nullptr;
  }
  const auto& [begin, known] = *std::prev(next);
  return at < begin + known.bytes ? known.device : nullptr;
}

}  // namespace bnas::emu
