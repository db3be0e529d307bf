// SPDX-License-Identifier: Apache-2.0
#include "runtime/execution.hpp"

#include <cstring>
#include <optional>
#include <string>

#include "runtime/allocations.hpp"
#include "runtime/copies.hpp"
#include "runtime/options.hpp"
#include "runtime/runtime.hpp"

namespace bnas::emu {
namespace {

void lose_device(Runtime& rt, cudaError_t code, const std::string& text) {
  const Lock lock(rt.mutex);
  rt.fail(code, text);
}

bool checking() { return options().check > 0; }

// Where an area really is.
struct View {
  Area contents;
  DeviceMemory* memory = nullptr;  // null: host memory
  Device* device = nullptr;
};

std::string where(const DeviceMemory& memory, const void* address) {
  const auto allocation = memory.find(address);
  if (!allocation) {
    return "no allocation";
  }
  const auto offset = static_cast<const char*>(address) - static_cast<const char*>(allocation->address);
  return "byte " + std::to_string(offset) + " of allocation #" + std::to_string(allocation->serial) + " (" +
         std::to_string(allocation->bytes) + " bytes)";
}

/// Feeds one operation's accesses to the dependency tracker.
class AccessLog {
 public:
  AccessLog(Runtime& rt, const Operation& operation) : rt_(rt), operation_(operation) {}

  void add(const void* address, std::size_t bytes, bool write) {
    const auto begin = reinterpret_cast<std::uintptr_t>(address);
    const Actor actor{operation_.stamp, operation_.clock, operation_.label};
    if (const auto conflict = rt_.tracker.access(actor, {begin, begin + bytes}, write)) {
      rt_.findings.add(FindingKind::missing_dependency,
                       operation_.label + (write ? " writes what " : " reads what ") + conflict->earlier +
                           (conflict->earlier_wrote ? " wrote" : " reads"),
                       "neither stream order nor an event nor a synchronization orders them; " +
                           where(operation_.device->memory, reinterpret_cast<const void*>(conflict->address)));
    }
  }

  void add(const Area& area, bool write) {
    if (area.rows == 1 || area.pitch == area.width) {
      add(area.address, area.extent(), write);
      return;
    }
    for (std::size_t row = 0; row < area.rows; ++row) {
      add(area.row(row), area.width, write);
    }
  }

 private:
  Runtime& rt_;
  const Operation& operation_;
};

// Runs the work of one operation.
class Execution {
 public:
  Execution(Runtime& rt, Operation& operation) : rt_(rt), operation_(operation), log_(rt, operation) {}

  void operator()(const Marker&) {}
  void operator()(const KernelCall& call);
  void operator()(const Copy& copy);
  void operator()(const Fill& fill);
  void operator()(const HostCall& call);
  void operator()(const DeviceCall& call);
  void operator()(const Allocate& allocation) { use_all(allocation.address, allocation.bytes); }
  void operator()(const Release& release);

  /// What the operation's injection asks for, after the kernel ran.
  void flip(const KernelCall& call);

 private:
  std::optional<View> view(const Area& area);
  void check_read(const Area& area, const View& view);
  void use(const Area& area, const View& view, bool write);
  void use_all(const void* address, std::size_t bytes) {
    if (checking()) {
      log_.add(address, bytes, true);
    }
  }

  void conclude(const LaunchResult& result);

  Runtime& rt_;
  Operation& operation_;
  AccessLog log_;
};

// Nothing, and the device is lost, when the memory is gone.
std::optional<View> Execution::view(const Area& area) {
  Place place;
  bool reserved = false;
  {
    const Lock lock(rt_.mutex);
    place = place_of(rt_, area.address);
    reserved = place.device && place.device->memory.reserved(area.address);
  }
  View view{area, place.device ? &place.device->memory : nullptr, place.device};
  if (reserved) {
    view.contents.address = view.memory->host(area.address, area.extent());
    if (!view.contents.address) {
      const auto allocation = view.memory->find(area.address);
      rt_.findings.add(allocation && !allocation->live ? FindingKind::use_after_free : FindingKind::out_of_bounds,
                       operation_.label + " uses " + std::to_string(area.extent()) + " bytes at " +
                           where(*view.memory, area.address));
      lose_device(rt_, cudaErrorIllegalAddress, operation_.label + " uses memory that is not allocated");
      return std::nullopt;
    }
  }
  return view;
}

void Execution::check_read(const Area& area, const View& view) {
  // Variables of modules are zero or more from the beginning.
  const bool checked = checking() && view.memory && view.memory->reserved(area.address);
  for (std::size_t row = 0; checked && row < area.rows; ++row) {
    if (!view.memory->initialized(area.row(row), area.width)) {
      rt_.findings.add(FindingKind::uninitialized_read,
                       operation_.label + " reads device memory that was never written",
                       where(*view.memory, area.row(row)));
      return;
    }
  }
}

void Execution::use(const Area& area, const View& view, bool write) {
  if (checking()) {
    log_.add(area, write);
  }
  for (std::size_t row = 0; write && view.memory && row < area.rows; ++row) {
    view.memory->mark_initialized(area.row(row), area.width);
  }
}

void Execution::operator()(const Copy& copy) {
  const auto to = view(copy.to);
  const auto from = copy.staged ? View{{copy.staged->data(), copy.from.width, copy.from.rows, copy.from.width}}
                                : view(copy.from).value_or(View{});
  if (!to || !from.contents.address) {
    return;
  }
  const bool within = to->memory && to->memory == from.memory;
  if (!copy.staged) {
    if (!within) {
      check_read(copy.from, from);
    }
    use(copy.from, from, false);
  }
  use(copy.to, *to, true);
  for (std::size_t row = 0; row < copy.to.rows; ++row) {
    std::memmove(const_cast<unsigned char*>(to->contents.row(row)), from.contents.row(row), copy.to.width);
    if (within) {  // what was never written stays so
      to->memory->copy_initialized(copy.to.row(row), copy.from.row(row), copy.to.width);
    }
  }
}

void Execution::operator()(const Fill& fill) {
  const auto to = view(fill.to);
  if (!to) {
    return;
  }
  use(fill.to, *to, true);
  for (std::size_t row = 0; row < fill.to.rows; ++row) {
    auto* bytes = const_cast<unsigned char*>(to->contents.row(row));
    for (std::size_t i = 0; i < fill.to.width; ++i) {
      bytes[i] = static_cast<unsigned char>(fill.value >> (8 * (i % fill.element_bytes)));
    }
  }
}

void Execution::operator()(const HostCall& call) {
  this_thread().in_host_call = true;
  call.function(call.argument);
  this_thread().in_host_call = false;
}

void Execution::operator()(const DeviceCall& call) {
  for (const DeviceCall::Use& use : call.uses) {
    const auto seen = view(use.area);
    if (!seen) {
      return;
    }
    if (!use.write) {
      check_read(use.area, *seen);
    }
    this->use(use.area, *seen, use.write);
  }
  call.function(call.argument.get());
}

void Execution::operator()(const Release& release) {
  use_all(release.address, release.bytes);
  const auto begin = reinterpret_cast<std::uintptr_t>(release.address);
  rt_.tracker.forget({begin, begin + release.bytes});
  const Lock lock(rt_.mutex);
  Device& device = *place_of(rt_, release.address).device;
  device.memory.release(release.address);
  return_block(device, release.address);
}

void Execution::flip(const KernelCall& call) {
  std::size_t pointers = 0;
  for (const auto& parameter : call.parameters) {
    void* address = nullptr;
    if (parameter.size() != sizeof address) {
      continue;
    }
    std::memcpy(&address, parameter.data(), sizeof address);
    if (!operation_.device->memory.reserved(address) || pointers++ != operation_.injection->parameter) {
      continue;
    }
    if (unsigned char* byte =
            operation_.device->memory.host(static_cast<char*>(address) + operation_.injection->byte, 1)) {
      *byte = static_cast<unsigned char>(*byte ^ (1U << operation_.injection->bit));
    }
  }
}

void Execution::conclude(const LaunchResult& result) {
  const std::string text = operation_.label + ": " + result.what;
  switch (result.end) {
    case LaunchResult::End::ok:
      return;
    case LaunchResult::End::fault:
      return lose_device(rt_, cudaErrorIllegalAddress, text);
    case LaunchResult::End::trap:
      return lose_device(rt_, cudaErrorLaunchFailure, text);
    case LaunchResult::End::assert_failed:
      return lose_device(rt_, cudaErrorAssert, text);
    case LaunchResult::End::timeout:
      return lose_device(rt_, cudaErrorLaunchTimeout, text);
    case LaunchResult::End::unsupported:
      return lose_device(rt_, cudaErrorNotSupported, text);
  }
}

void Execution::operator()(const KernelCall& call) {
  Device& device = *operation_.device;
  Launch launch;
  {
    const Lock lock(rt_.mutex);
    launch.module = call.symbol->binary->load(device).module.get();
  }
  launch.kernel = call.symbol->mangled;
  launch.grid = call.grid;
  launch.block = call.block;
  launch.cluster = call.cluster;
  launch.dynamic_shared = call.dynamic_shared;
  launch.parameters = call.parameters;
  const Options& o = options();
  ExecOptions how;
  how.threads = static_cast<unsigned>(o.threads);
  how.warp_seed = o.seed == 0 ? 0 : o.seed * 0x9e3779b97f4a7c15 + operation_.order;
  how.block_seed = o.block_seed;
  how.check = o.check;
  how.l2_bytes = o.l2;
  how.profile = !o.profile.empty();
  how.compute_capability = device.capability.value();
  const LaunchResult result = execute(launch, device.memory, how);
  rt_.report.add(operation_.note, call.symbol->name, result);
  conclude(result);
  if (checking()) {
    for (const TouchedRange& range : result.touched) {
      log_.add(reinterpret_cast<const void*>(range.address), range.bytes, range.written);
    }
  }
}

}  // namespace

Scheduler::Outcome execute_operation(Runtime& rt, Operation& operation) {
  const auto* call = std::get_if<KernelCall>(&operation.work);
  const auto& injection = operation.injection;
  if (injection && injection->kind == Injection::Kind::hang) {
    return Scheduler::Outcome::never;
  }
  if (injection && injection->kind == Injection::Kind::error) {
    lose_device(rt, injection->code, operation.label + ": injected fault");
    return Scheduler::Outcome::done;
  }
  Execution execution(rt, operation);
  std::visit(execution, operation.work);
  if (call && injection) {
    execution.flip(*call);
  }
  return Scheduler::Outcome::done;
}

}  // namespace bnas::emu
