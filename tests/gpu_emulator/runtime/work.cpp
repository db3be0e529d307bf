// SPDX-License-Identifier: Apache-2.0
#include "runtime/work.hpp"

#include "runtime/registry.hpp"

namespace bnas::emu {
namespace {

struct Describe {
  std::string operator()(const Marker&) const { return "mark"; }
  std::string operator()(const KernelCall& call) const { return call.symbol->name; }
  std::string operator()(const Copy&) const { return "copy"; }
  std::string operator()(const Fill&) const { return "fill"; }
  std::string operator()(const HostCall&) const { return "host function"; }
  std::string operator()(const DeviceCall& call) const { return call.name; }
  std::string operator()(const Allocate&) const { return "allocation"; }
  std::string operator()(const Release&) const { return "free"; }
};

}  // namespace

std::string describe(const Work& work) { return std::visit(Describe{}, work); }

}  // namespace bnas::emu
