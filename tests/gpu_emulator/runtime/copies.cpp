// SPDX-License-Identifier: Apache-2.0
#include "runtime/copies.hpp"

#include <algorithm>
#include <cstring>

#include "runtime/captures.hpp"
#include "runtime/streams.hpp"

namespace bnas::emu {
namespace {

bool fits(cudaMemcpyKind kind, const Place& to, const Place& from) {
  const bool to_device = to.device != nullptr;
  const bool from_device = from.device != nullptr;
  switch (kind) {
    case cudaMemcpyHostToHost:
      return !to_device && !from_device;
    case cudaMemcpyHostToDevice:
      return to_device && !from_device;
    case cudaMemcpyDeviceToHost:
      return !to_device && from_device;
    case cudaMemcpyDeviceToDevice:  // pinned memory is mapped: devices reach it
      return (to_device || to.pinned) && (from_device || from.pinned);
    case cudaMemcpyDefault:
      return true;
  }
  return false;
}

std::shared_ptr<const std::vector<unsigned char>> staged(const Area& from) {
  auto bytes = std::make_shared<std::vector<unsigned char>>(from.width * from.rows);
  for (std::size_t row = 0; row < from.rows; ++row) {
    std::memcpy(bytes->data() + row * from.width, from.row(row), from.width);
  }
  return bytes;
}

}  // namespace

Place place_of(Runtime& rt, const void* address) {
  for (const auto& device : rt.devices()) {
    if (device->memory.reserved(address)) {
      return {device.get(), false};
    }
  }
  if (Device* device = rt.registry.owner_of(address)) {
    return {device, false};
  }
  const auto next = rt.pinned.upper_bound(const_cast<void*>(address));
  if (next == rt.pinned.begin()) {
    return {};
  }
  const auto& [begin, bytes] = *std::prev(next);
  return {nullptr, static_cast<const char*>(address) < static_cast<const char*>(begin) + bytes};
}

void require_area(Runtime& rt, const Area& area) {
  require(area.rows <= 1 || area.pitch >= area.width, cudaErrorInvalidPitchValue);
  require(area.address != nullptr || area.empty());
  const Device* device = area.empty() ? nullptr : place_of(rt, area.address).device;
  if (!device || !device->memory.reserved(area.address)) {
    return;
  }
  const auto next = device->blocks.upper_bound(const_cast<void*>(area.address));
  require(next != device->blocks.begin());
  const auto& [begin, block] = *std::prev(next);
  const auto offset = static_cast<std::size_t>(static_cast<const char*>(area.address) - static_cast<char*>(begin));
  require(!block.freeing && offset <= block.bytes && area.extent() <= block.bytes - offset);
}

void copy(Runtime& rt, Lock& lock, CUstream_st& stream, Area to, Area from, cudaMemcpyKind kind, bool async,
          const char* call) {
  require_area(rt, to);
  require_area(rt, from);
  if (to.empty()) {
    return;
  }
  const Place target = place_of(rt, to.address);
  const Place source = place_of(rt, from.address);
  require(fits(kind, target, source), cudaErrorInvalidMemcpyDirection);
  if (!async) {
    forbid_in_capture(rt, call);
    forbid_on_capturing(rt, stream, call);
    if (source.pageable()) {
      wait_for_stream(rt, lock, stream);
    }
  }
  Copy work{to, from, nullptr};
  if (source.pageable() && !stream.capture) {
    work.staged = staged(from);
  }
  const OperationPtr operation = enqueue(rt, lock, stream, std::move(work));
  const bool on_devices = target.device && source.device;
  const bool staged_to_device = target.device && source.pageable();
  const bool on_host = !target.device && !source.device;
  if (on_host || (!async && !on_devices && !staged_to_device)) {
    wait_for(rt, lock, operation);
  }
}

void fill(Runtime& rt, Lock& lock, CUstream_st& stream, const Fill& work, bool async, const char* call) {
  require_area(rt, work.to);
  if (work.to.empty()) {
    return;
  }
  const Place target = place_of(rt, work.to.address);
  require(!target.pageable());
  if (!async) {
    forbid_in_capture(rt, call);
    forbid_on_capturing(rt, stream, call);
  }
  const OperationPtr operation = enqueue(rt, lock, stream, work);
  if (!async && !target.device) {
    wait_for(rt, lock, operation);
  }
}

}  // namespace bnas::emu
