// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "machine/access_counter.hpp"
#include "machine/api.hpp"
#include "machine/l2_cache.hpp"
#include "machine/special_registers.hpp"
#include "memory/race_cells.hpp"
#include "ptx/contents.hpp"

namespace bnas::emu {

/// Ends a launch from inside of an instruction.
class LaunchEnd : public std::runtime_error {
 public:
  LaunchEnd(LaunchResult::End end, const std::string& what) : std::runtime_error(what), end_(end) {}
  LaunchResult::End end() const { return end_; }

 private:
  LaunchResult::End end_;
};

// Generic addresses tell their space by the top byte; global addresses have zero there.
inline constexpr u64 kSharedWindow = u64{1} << 56;
inline constexpr u64 kLocalWindow = u64{2} << 56;
inline constexpr u64 kParameterWindow = u64{3} << 56;
inline constexpr u64 kWindowMask = u64{0xff} << 56;

/// Lanes of a warp that are at the same instruction.
struct LaneGroup {
  enum class State : u8 { ready, waits_for_lanes, waits_at_barrier };
  int pc = 0;
  LaneMask lanes = 0;
  State state = State::ready;
  int barrier = -1;
};

/// A cp.async of one lane that has not landed yet.
struct AsyncCopy {
  u32 to = 0;
  u64 from = 0;
  int bytes = 0;
  int filled = 0;  ///< bytes that are copied; the rest becomes zero
  unsigned lane = 0;
};

struct Warp {
  unsigned id = 0;
  u8* registers = nullptr;
  LaneMask live = 0;
  LaneMask exited = 0;
  std::vector<LaneGroup> groups;
  std::vector<u8> local;         ///< lane by lane
  std::vector<u8> local_shadow;  ///< 1 where written
  WarpClocks clocks;
  std::array<std::deque<std::vector<AsyncCopy>>, 32> committed;
  std::vector<AsyncCopy> pending;
};

/// A barrier instruction's Instruction::mode. Its from[0] is the barrier, from[1] the number of threads or -1, from[2]
/// a predicate or -1; `to` takes the result of a reduction, a predicate where `flag` is set.
enum class BarrierMode : u8 { sync, red_and, red_or, red_count, arrive };

/// What all blocks of a launch share.
struct LaunchState {
  const Module* module = nullptr;
  const Program* program = nullptr;
  DeviceMemory* memory = nullptr;
  const ExecOptions* options = nullptr;
  L2Cache* l2 = nullptr;  // null: not asked for
  std::vector<u8> parameters;
  Dim3 grid;
  Dim3 block;
  std::size_t dynamic_shared = 0;
  u64 epoch_begin = 0;
};

/// Starts a stretch of time that no earlier access belongs to.
u64 begin_epoch();

/// How an instruction uses memory.
struct Access {
  int bytes = 4;  ///< of each lane: a power of two, and the alignment
  bool write = false;
  bool atomic = false;  ///< reads and writes in one step
  bool strong = false;  ///< volatile, relaxed or stronger
};

/// The pointers that stand for the addresses of the lanes.
using LanePointers = std::array<u8*, 32>;
using LaneAddresses = std::array<u64, 32>;

/// Executes the blocks of a launch one after another, on one host thread. Instructions use it as the machine that they
/// run on: registers and memory are those of the warp at hand.
class Block {
 public:
  Block(const LaunchState& launch, unsigned host_thread);

  /// Executes one block to its end; throws LaunchEnd.
  void run(Dim3 index);
  const Counters& counters() const { return counters_; }
  /// How often each instruction of the program was executed; empty unless asked for.
  const std::vector<u64>& times() const { return times_; }
  /// Ranges of global memory that were used, for counting distinct bytes.
  const std::vector<MemoryRange*>& touched_ranges() const { return touched_ranges_; }

  // ---- registers of the warp at hand
  template <class T>
  T* row(int at) {
    return reinterpret_cast<T*>(warp_->registers + at);
  }
  LaneMask predicate(int at) {
    const LaneMask value = *row<LaneMask>(at & ~kNegatedPredicate);
    return (at & kNegatedPredicate) != 0 ? ~value : value;
  }
  void set_predicate(int at, LaneMask value, LaneMask mask) {
    if (at >= 0) {
      LaneMask& p = *row<LaneMask>(at);
      p = (p & ~mask) | (value & mask);
    }
  }

  // ---- memory
  /// Where the lanes' operands lie, after all checks and counts. Throws LaunchEnd for an access that faults.
  void resolve(const Address& address, LaneMask mask, const Access& access, LanePointers& pointers);
  void addresses(const Address& address, LaneMask mask, LaneAddresses& out);
  /// The same for given addresses of one space.
  void resolve(Space space, const LaneAddresses& at, LaneMask mask, const Access& access, LanePointers& pointers);
  /// Counts a request for bytes of global memory, `bytes` of all lanes together.
  void count_global(const LaneAddresses& at, LaneMask mask, u64 bytes, bool read, bool write);
  /// A single lane's; not counted.
  u8* at(Space space, u64 address, unsigned lane, const Access& access);
  u8* local(int offset, unsigned lane) {
    return warp_->local.data() + lane * static_cast<std::size_t>(program_.local_bytes) + offset;
  }
  void note_local_written(int offset, int bytes, unsigned lane);

  // ---- the rest that instructions need
  Warp& warp() { return *warp_; }
  Counters& count() { return counters_; }
  u64 clock() const { return executed_; }
  const ExecOptions& options() const { return *launch_.options; }
  bool checks() const { return launch_.options->check > 0; }
  /// Reports something about the instruction at hand; the first lane of the mask stands for all.
  void find(FindingKind kind, const std::string& what, unsigned lane);
  [[noreturn]] void fail(LaunchResult::End end, const std::string& what, unsigned lane) const;
  /// Throws unless all lanes take part, for instructions that only whole warps may execute.
  void require_whole_warp(LaneMask mask) const;

 private:
  struct FilledSpecial {
    Special special;
    int at;
    bool wide;
  };
  struct Barrier {
    u32 arrived = 0;
    u32 expected = 0;  ///< 0: all threads that have not exited
    bool any = false;
    bool all = true;
    u32 count = 0;
  };

  // scheduler.cpp
  bool run_warp(Warp& warp, u64 slice);
  int choose_group(Warp& warp, bool& other_first);
  static int next_merge_point(const Warp& warp, int chosen);
  static void merge_groups(Warp& warp);
  bool control(Warp& warp, std::size_t group, LaneMask mask, int merge_at);
  void take_branch(Warp& warp, std::size_t group, LaneMask mask);
  void scatter(Warp& warp, std::size_t group, LaneMask mask, const std::map<int, LaneMask>& targets);
  std::map<int, LaneMask> table_targets(LaneMask mask);
  std::map<int, LaneMask> return_targets(LaneMask mask);
  void copy_locals(const std::vector<LocalCopy>& copies, LaneMask mask);
  void exit_lanes(Warp& warp, std::size_t group, LaneMask mask);
  bool warp_sync(Warp& warp, std::size_t group, LaneMask mask);
  [[noreturn]] void stall();

  // barriers.cpp
  void arrive(Warp& warp, std::size_t group, LaneMask mask);
  void check_barriers();
  void release_barrier(unsigned id);
  void check_divergence(unsigned id);

  // block_memory.cpp
  void resolve_global(const LaneAddresses& at, LaneMask mask, const Access& access, LanePointers& pointers,
                      bool counted);
  template <int kBytes>
  bool resolve_in_range(const LaneAddresses& at, LaneMask mask, const Access& access, LanePointers& pointers);
  void resolve_shared(const LaneAddresses& at, LaneMask mask, const Access& access, LanePointers& pointers);
  u8* global_at(u64 address, unsigned lane, const Access& access);
  u8* shared_at(u64 offset, unsigned lane, const Access& access, Accessor& by);
  u8* local_at(u64 offset, unsigned lane, const Access& access, bool checked);
  u8* parameter_at(u64 offset, unsigned lane, const Access& access);
  MemoryRange* range_of(u64 address, unsigned lane, const Access& access);
  [[noreturn]] void bad_global(u64 address, unsigned lane, const Access& access, const MemoryRange* range);
  void shadow_global(MemoryRange& range, std::size_t offset, unsigned lane, const Access& access);
  void check_aligned(u64 address, unsigned lane, const Access& access, const char* space);
  void find_uninitialized(const MemoryRange& range, std::size_t offset, unsigned lane);
  /// What is the same for all lanes of an access.
  Accessor accessor(const Access& access, bool shared) const;
  void race_check(RaceCells& cells, std::size_t offset, unsigned lane, const Access& access, Accessor& by, bool shared);
  /// The range that the instruction at hand used last.
  MemoryRange*& range_hint() { return range_hints_[static_cast<unsigned>(instruction_->line) % range_hints_.size()]; }

  void begin(Dim3 index);
  void fill_specials(Warp& warp);
  std::string site() const;
  std::string thread_name(unsigned lane) const;
  void next_epoch();

  const LaunchState& launch_;
  const Program& program_;
  Dim3 index_;
  unsigned threads_ = 0;
  unsigned exited_ = 0;
  std::vector<Warp> warps_;
  std::vector<u8> register_file_;
  std::vector<u8> register_template_;  ///< a warp's registers at the start: constants, and garbage elsewhere
  std::vector<FilledSpecial> specials_;
  std::vector<u8> shared_;
  std::vector<u8> shared_shadow_;
  RaceCells shared_races_{0};
  std::array<Barrier, 16> barriers_{};
  Warp* warp_ = nullptr;
  const Instruction* instruction_ = nullptr;
  u64 executed_ = 0;
  u64 epoch_ = 0;
  u64 block_epoch_ = 0;
  std::minstd_rand random_;
  Counters counters_;
  std::vector<u64> times_;
  AccessCounter access_counter_;
  std::array<MemoryRange*, 64> range_hints_{};  ///< by PTX line: instructions stay with their array
  std::vector<MemoryRange*> touched_ranges_;
};

}  // namespace bnas::emu
