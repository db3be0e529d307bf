// SPDX-License-Identifier: Apache-2.0
// Launches: checks of their form, host threads that take blocks in turn, counters of all.
#include <algorithm>
#include <cstring>
#include <functional>
#include <mutex>
#include <numeric>
#include <optional>
#include <thread>

#include "machine/bind.hpp"
#include "machine/block.hpp"

namespace bnas::emu {
namespace {

using End = LaunchResult::End;
constexpr std::size_t kPage = 4096;
constexpr u64 kMostBlocks = u64{1} << 40;

/// The shared memory that one block may have, by compute capability.
std::size_t most_shared(int capability) {
  switch (capability) {
    case 75:
      return 64 << 10;
    case 80:
    case 87:
      return 163 << 10;
    case 86:
    case 89:
    case 120:
      return 99 << 10;
    default:
      return 227 << 10;
  }
}

void require(bool holds, const std::string& what) {
  if (!holds) {
    throw LaunchEnd(End::unsupported, what);
  }
}

void check_form(const Launch& launch, const KernelInfo& kernel, const ExecOptions& options) {
  const auto product = [](const Dim3& d) { return u64{d.x} * d.y * d.z; };
  const std::string& name = kernel.name;
  const u64 threads = product(launch.block);
  require(threads >= 1 && threads <= 1024 && launch.block.z <= 64,
          name + ": a block of " + std::to_string(threads) + " threads; devices take 1 to 1024, at most 64 in z");
  require(kernel.max_threads_per_block == 0 || threads <= kernel.max_threads_per_block,
          name + ": a block of " + std::to_string(threads) + " threads, but its launch bounds say " +
              std::to_string(kernel.max_threads_per_block));
  require(product(launch.grid) >= 1 && product(launch.grid) <= kMostBlocks && launch.grid.y <= 65535 &&
              launch.grid.z <= 65535,
          name + ": the grid is empty or larger than devices take (65535 in y and z)");
  require(product(launch.cluster) == 1, name + ": clusters of blocks are not supported");
  const std::size_t shared = kernel.static_shared_bytes + launch.dynamic_shared;
  require(shared <= most_shared(options.compute_capability),
          name + ": " + std::to_string(shared) + " bytes of shared memory, but the device has " +
              std::to_string(most_shared(options.compute_capability)) + " for a block");
  require(launch.parameters.size() == kernel.parameters.size(), name + ": " + std::to_string(launch.parameters.size()) +
                                                                    " parameters are given, it has " +
                                                                    std::to_string(kernel.parameters.size()));
  for (std::size_t i = 0; i < kernel.parameters.size(); ++i) {
    require(launch.parameters[i].size() == kernel.parameters[i].bytes,
            name + ": parameter " + std::to_string(i) + " has " + std::to_string(launch.parameters[i].size()) +
                " bytes where " + std::to_string(kernel.parameters[i].bytes) + " are declared");
  }
}

/// Makes a module's variables accessible, as loading it onto the device does.
void adopt_variables(const Module& module, DeviceMemory& memory) {
  for (const auto& [name, variable] : module.contents().variables) {
    if (variable.bytes > 0) {
      memory.adopt(variable.data.get(), variable.bytes, true, variable.data);
    }
  }
}

/// Adds bytes to the last range if they follow it, else begins another.
void append(std::vector<TouchedRange>& ranges, std::uintptr_t address, std::size_t bytes, bool written) {
  if (!ranges.empty() && ranges.back().address + ranges.back().bytes == address) {
    ranges.back().bytes += bytes;
  } else {
    ranges.push_back({address, bytes, written});
  }
}

/// Counts and lists the bytes that the launch marked in the shadows, and clears the marks.
class TouchedBytes {
 public:
  explicit TouchedBytes(LaunchResult& result) : result_(result) {}

  void collect(MemoryRange& range) {
    for (std::size_t page = 0; page < range.touched.size(); ++page) {
      if (range.touched[page] != 0) {
        range.touched[page] = 0;
        collect_bytes(range, page * kPage, std::min(range.bytes, (page + 1) * kPage));
      }
    }
  }

  /// All that was read comes first, then all that was written.
  void finish() { result_.touched.insert(result_.touched.end(), written_.begin(), written_.end()); }

 private:
  void collect_bytes(MemoryRange& range, std::size_t begin, std::size_t end) {
    constexpr u64 kOnes = 0x0101010101010101U;
    for (std::size_t at = begin; at < end;) {
      u64 eight = 0;
      std::size_t bytes = 1;
      if (end - at >= sizeof eight) {  // mostly, eight bytes have the same marks
        std::memcpy(&eight, range.shadow + at, sizeof eight);
        bytes = eight == kOnes * (eight & 255U) ? sizeof eight : 1;
      }
      const u8 marks = range.shadow[at];
      if ((marks & kReadInLaunch) != 0) {
        result_.counters.unique_read_bytes += bytes;
        append(result_.touched, range.address + at, bytes, false);
      }
      if ((marks & kWrittenInLaunch) != 0) {
        result_.counters.unique_written_bytes += bytes;
        append(written_, range.address + at, bytes, true);
      }
      if ((marks & ~kInitialized) != 0) {
        std::memset(range.shadow + at, marks & kInitialized, bytes);
      }
      at += bytes;
    }
  }

  LaunchResult& result_;
  std::vector<TouchedRange> written_;
};

/// Hands blocks to host threads and keeps the first end that is not ok.
class BlockQueue {
 public:
  BlockQueue(const LaunchState& state, LaunchResult& result)
      : state_(state), result_(result), blocks_(u64{state.grid.x} * state.grid.y * state.grid.z) {
    if (state.options->block_seed != 0) {
      order_.resize(blocks_);
      std::iota(order_.begin(), order_.end(), u64{0});
      std::minstd_rand random(static_cast<std::minstd_rand::result_type>(state.options->block_seed));
      std::shuffle(order_.begin(), order_.end(), random);
    }
  }

  void run() {
    const u64 wanted = state_.options->check >= 2 || state_.l2 != nullptr ? 1 : std::max(1U, state_.options->threads);
    const auto threads = static_cast<unsigned>(std::min<u64>(wanted, blocks_));
    std::vector<std::thread> others;
    for (unsigned t = 1; t < threads; ++t) {
      others.emplace_back([this, t] { work(t); });
    }
    work(0);
    for (std::thread& thread : others) {
      thread.join();
    }
    TouchedBytes touched(result_);
    for (MemoryRange* range : ranges_) {
      touched.collect(*range);
    }
    touched.finish();
    for (std::size_t pc = 0; pc < times_.size(); ++pc) {
      if (times_[pc] > 0) {
        result_.profile[place_of(state_.program->code[pc])] += times_[pc];
      }
    }
  }

 private:
  void work(unsigned host_thread) {
    try {
      Block block(state_, host_thread);
      try {
        for (u64 n = next_++; n < blocks_; n = next_++) {
          block.run(index_of(order_.empty() ? n : order_[n]));
        }
      } catch (const LaunchEnd& end) {
        finish(end.end(), end.what());
      }
      const std::lock_guard lock(mutex_);
      result_.counters += block.counters();
      times_.resize(block.times().size());
      std::transform(times_.begin(), times_.end(), block.times().begin(), times_.begin(), std::plus<>());
      for (MemoryRange* range : block.touched_ranges()) {
        if (std::find(ranges_.begin(), ranges_.end(), range) == ranges_.end()) {
          ranges_.push_back(range);
        }
      }
    } catch (const LaunchEnd& end) {
      finish(end.end(), end.what());
    } catch (const std::exception& error) {
      finish(End::unsupported, state_.program->name + ": " + error.what());
    }
  }

  void finish(End end, const std::string& what) {
    next_ = blocks_;
    const std::lock_guard lock(mutex_);
    if (result_.end == End::ok) {
      result_.end = end;
      result_.what = what;
    }
  }

  std::string place_of(const Instruction& i) const {
    return i.location < 0 ? "no line"
                          : state_.module->place(state_.program->locations[static_cast<std::size_t>(i.location)]);
  }

  Dim3 index_of(u64 n) const {
    const Dim3& grid = state_.grid;
    return {static_cast<unsigned>(n % grid.x), static_cast<unsigned>(n / grid.x % grid.y),
            static_cast<unsigned>(n / grid.x / grid.y)};
  }

  const LaunchState& state_;
  LaunchResult& result_;
  u64 blocks_;
  std::vector<u64> order_;
  std::atomic<u64> next_{0};
  std::mutex mutex_;
  std::vector<MemoryRange*> ranges_;
  std::vector<u64> times_;  // of each instruction
};

}  // namespace

LaunchResult execute(const Launch& launch, DeviceMemory& memory, const ExecOptions& options) {
  LaunchResult result;
  try {
    require(launch.module != nullptr, "a launch without module");
    const KernelInfo* kernel = launch.module->kernel(launch.kernel);
    require(kernel != nullptr, "there is no kernel '" + launch.kernel + "'");
    check_form(launch, *kernel, options);
    const std::shared_ptr<const Program> program = launch.module->program(launch.kernel, bind_instruction);
    adopt_variables(*launch.module, memory);
    LaunchState state;
    state.module = launch.module;
    state.program = program.get();
    state.memory = &memory;
    state.options = &options;
    state.grid = launch.grid;
    state.block = launch.block;
    state.dynamic_shared = launch.dynamic_shared;
    state.epoch_begin = begin_epoch();
    state.parameters.resize(kernel->parameter_bytes);
    for (std::size_t i = 0; i < kernel->parameters.size(); ++i) {
      std::copy(launch.parameters[i].begin(), launch.parameters[i].end(),
                state.parameters.begin() + static_cast<std::ptrdiff_t>(kernel->parameters[i].offset));
    }
    std::optional<L2Cache> l2;
    if (options.l2_bytes > 0) {
      state.l2 = &l2.emplace(options.l2_bytes);
    }
    BlockQueue(state, result).run();
    if (l2) {
      l2->flush();
      result.counters.dram_read_bytes = l2->read_bytes();
      result.counters.dram_written_bytes = l2->written_bytes();
    }
  } catch (const LaunchEnd& end) {
    result.end = end.end();
    result.what = end.what();
  } catch (const PtxError& error) {
    result.end = End::unsupported;
    result.what = launch.kernel + ": " + error.what();
  }
  return result;
}

}  // namespace bnas::emu
