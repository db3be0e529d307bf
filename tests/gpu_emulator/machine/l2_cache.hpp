// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <vector>

#include "ptx/program.hpp"

namespace bnas::emu {

/// What of a launch's global memory traffic reaches device memory: a write-back cache that the launch finds empty.
/// Lines of 128 bytes in four sectors, 16 ways, the least recently used line goes first. A sector that is written is
/// not fetched, since caches keep a mask of its bytes. Not thread-safe.
class L2Cache {
 public:
  static constexpr unsigned kSectorBytes = 32;

  explicit L2Cache(std::size_t bytes);

  /// `sector` is an address divided by kSectorBytes.
  void access(u64 sector, bool read, bool write);
  /// Writes back what is dirty and empties the cache.
  void flush();

  u64 read_bytes() const { return read_sectors_ * kSectorBytes; }        ///< from device memory
  u64 written_bytes() const { return written_sectors_ * kSectorBytes; }  ///< to device memory

 private:
  static constexpr unsigned kSectorsOfLine = 4;
  static constexpr unsigned kWays = 16;

  struct Line {
    u64 number = 0;     // address divided by the bytes of a line
    u64 last_used = 0;  // 0: holds nothing
    u8 valid = 0;       // a bit for each sector
    u8 dirty = 0;
  };
  using Set = std::array<Line, kWays>;

  Line& line(u64 number);
  void evict(Line& line);

  std::vector<Set> sets_;
  u64 clock_ = 0;
  u64 read_sectors_ = 0;
  u64 written_sectors_ = 0;
};

}  // namespace bnas::emu
