// SPDX-License-Identifier: Apache-2.0
#define BNAS_EMU_IMPLEMENTATION
#include "runtime/emulator.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "runtime/api.hpp"
#include "runtime/copies.hpp"
#include "runtime/exit_code.hpp"
#include "runtime/streams.hpp"

using namespace bnas::emu;

namespace {

void report_leaks(Runtime& rt) {
  for (const auto& device : rt.devices()) {
    for (const auto& [address, block] : device->blocks) {
      if (!block.freeing) {
        rt.findings.add(FindingKind::leak,
                        std::to_string(block.bytes) + " bytes of device " + std::to_string(device->ordinal),
                        "allocation #" + std::to_string(device->memory.find(address)->serial) + " was never freed");
      }
    }
  }
}

__attribute__((destructor)) void at_exit() {
  Runtime& rt = runtime();
  {
    const Lock lock(rt.mutex);
    if (!options().report.empty()) {
      std::ofstream(options().report, std::ios::app) << rt.report.json_lines();
    }
    if (!options().profile.empty()) {
      std::ofstream(options().profile, std::ios::app) << rt.report.profile();
    }
    if (options().leaks) {
      report_leaks(rt);
    }
  }
  const std::vector<Finding> findings = rt.findings.all();
  for (const Finding& finding : findings) {
    explain(finding.text);
  }
  if (!findings.empty()) {
    std::fflush(nullptr);
    _exit(kFoundExitCode);
  }
}

}  // namespace

extern "C" {

void bnas_emu_annotate(const char* note) { this_thread().note = note ? note : ""; }

void bnas_emu_kernel_counters(const char* name, BnasEmuCounters* counters, uint64_t* launches) {
  Runtime& rt = runtime();
  Lock lock(rt.mutex);
  rt.scheduler.settle(lock);
  const KernelReport::Entry entry = rt.report.sum(name);
  if (launches) {
    *launches = entry.launches;
  }
  if (counters) {
    const Counters& c = entry.counters;
    *counters = {c.warp_instructions,
                 c.global_read_bytes,
                 c.global_written_bytes,
                 c.read_sectors,
                 c.written_sectors,
                 c.read_requests,
                 c.written_requests,
                 c.unique_read_bytes,
                 c.unique_written_bytes,
                 c.shared_bank_conflicts,
                 c.atomics,
                 c.mma_instructions,
                 c.barriers,
                 c.local_bytes,
                 c.dram_read_bytes,
                 c.dram_written_bytes};
  }
}

void bnas_emu_reset_counters() {
  Runtime& rt = runtime();
  Lock lock(rt.mutex);
  rt.scheduler.settle(lock);
  rt.report.clear();
}

uint64_t bnas_emu_launch_count() {
  uint64_t launches = 0;
  bnas_emu_kernel_counters("", nullptr, &launches);
  return launches;
}

size_t bnas_emu_findings() { return runtime().findings.count(); }

const char* bnas_emu_finding(size_t i) {
  thread_local std::string text;
  const std::vector<Finding> all = runtime().findings.all();
  if (i >= all.size()) {
    return nullptr;
  }
  text = all[i].text;
  return text.c_str();
}

void bnas_emu_clear_findings() {
  Runtime& rt = runtime();
  Lock lock(rt.mutex);
  rt.scheduler.settle(lock);
  rt.tracker.forget_conflicts();
  rt.findings.clear();
}

int bnas_emu_set(const char* option, const char* value) {
  Runtime& rt = runtime();
  const Lock lock(rt.mutex);
  if (!set_option(option, value)) {
    return -1;
  }
  rt.scheduler.reseed();
  return 0;
}

int bnas_emu_fault(const char* specification) {
  Runtime& rt = runtime();
  const Lock lock(rt.mutex);
  if (!specification) {
    rt.faults.clear();
    return 0;
  }
  try {
    rt.faults.add(specification);
  } catch (const std::invalid_argument& error) {
    explain(error.what());
    return -1;
  }
  return 0;
}

cudaError_t bnas_emu_enqueue(cudaStream_t stream, const char* name, void (*function)(void*), void* argument,
                             void (*destroy)(void*), const BnasEmuUse* uses, size_t count) {
  const std::shared_ptr<void> owned(argument, destroy);
  return api(name, [&](Runtime& rt, Lock& lock) {
    DeviceCall call{name, owned, function, {}};
    std::transform(uses, uses + count, std::back_inserter(call.uses), [](const BnasEmuUse& use) {
      return DeviceCall::Use{{use.address, use.width, use.rows, use.pitch}, use.write != 0};
    });
    std::erase_if(call.uses, [](const DeviceCall::Use& use) { return use.area.empty(); });
    for (const DeviceCall::Use& use : call.uses) {
      require_area(rt, use.area);
    }
    enqueue(rt, lock, find_stream(rt, stream), std::move(call));
  });
}

void* bnas_emu_contents(const void* address, size_t bytes) {
  Runtime& rt = runtime();
  const Lock lock(rt.mutex);
  const Place place = place_of(rt, address);
  if (place.device && place.device->memory.reserved(address)) {
    return place.device->memory.host(address, bytes);
  }
  return const_cast<void*>(address);
}

}  // extern "C"
