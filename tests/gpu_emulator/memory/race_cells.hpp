// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bnas::emu {

/// When and by whom an address was used: enough to tell whether a later access of another thread is ordered after it.
struct AccessTime {
  std::uint64_t epoch = 0;  ///< between two barriers of one block; never the same for two blocks; 0: never
  std::uint64_t sync = 0;   ///< counts the times that the whole warp synchronized
  std::uint32_t clock = 0;  ///< of the lane, counts partial synchronizations since then
  std::uint16_t thread = 0;
};

/// The lanes of a warp know of each other's accesses through what they did together: Lamport's vector clocks, one per
/// lane. When all lanes synchronize their clocks become equal, so that a single counter stands for all of them and
/// vectors are needed only after partial masks.
class WarpClocks {
 public:
  void reset();
  /// The lanes of `mask` synchronized; `live` are all lanes that have not exited.
  void join(std::uint32_t mask, std::uint32_t live);
  std::uint64_t sync() const { return sync_; }
  std::uint32_t clock(unsigned lane) const { return partial_ ? vectors_[lane][lane] : 1; }
  /// Does `lane` know of what `other` of this warp did at that time?
  bool knows(unsigned lane, unsigned other, const AccessTime& time) const {
    return time.sync != sync_ || (partial_ && vectors_[lane][other] >= time.clock);
  }

 private:
  std::uint64_t sync_ = 1;
  bool partial_ = false;
  std::array<std::array<std::uint32_t, 32>, 32> vectors_{};
};

enum class Race : std::uint8_t { none, write_write, read_write, write_read };

/// What is asked of RaceCells about the thread at hand.
struct Accessor {
  AccessTime now;
  std::uint64_t block_begin = 0;   ///< first epoch of the block
  std::uint64_t launch_begin = 0;  ///< first epoch of the launch
  const WarpClocks* clocks = nullptr;
  bool write = false;
  bool strong = false;  ///< atomic or volatile: two such accesses do not race
};

/// The last write and the last reads of each 4-byte word. A word that was ever used in parts is kept byte by byte.
class RaceCells {
 public:
  explicit RaceCells(std::size_t bytes) : words_((bytes + 3) / 4), split_(words_.size(), 0) {}
  std::size_t bytes() const { return words_.size() * 4; }

  /// Notes an access of `bytes` at `offset`; tells whether it is unordered with an earlier one.
  Race access(std::size_t offset, std::size_t bytes, const Accessor& by) {
    const std::size_t word = offset / 4;
    return bytes == 4 && offset % 4 == 0 && split_[word] == 0 ? note(words_[word], by)
                                                              : access_parts(offset, bytes, by);
  }

 private:
  enum Readers : std::uint8_t { one, one_warp, many };
  struct Cell {
    AccessTime write;
    AccessTime read;
    bool write_strong = false;
    bool read_strong = false;  ///< all reads since the last write were
    Readers readers = one;     ///< threads that read within the epoch of `read`
  };
  static bool ordered(const AccessTime& before, const Accessor& by);
  static Race note(Cell& cell, const Accessor& by);
  Race access_parts(std::size_t offset, std::size_t bytes, const Accessor& by);

  std::vector<Cell> words_;
  std::vector<Cell> bytes_;  ///< four per word, made with the first split
  std::vector<std::uint8_t> split_;
};

}  // namespace bnas::emu
