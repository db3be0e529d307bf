// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bnas::emu {

/// A point on a timeline: the `sequence`-th operation (from 1) of timeline `lane`. A stream is one lane, a captured
/// graph as many as its longest antichain needs.
struct Stamp {
  std::size_t lane = 0;
  std::uint64_t sequence = 0;
};

/// Of every lane, how many of its operations are known to come first: `a` is declared to happen before `b` if and only
/// if b's clock covers a's stamp (Lamport 1978; vector clocks: Fidge 1988, Mattern 1989).
class VectorClock {
 public:
  bool covers(Stamp stamp) const { return stamp.lane < known_.size() && known_[stamp.lane] >= stamp.sequence; }

  void join(const VectorClock& other) {
    known_.resize(std::max(known_.size(), other.known_.size()));
    for (std::size_t i = 0; i < other.known_.size(); ++i) {
      known_[i] = std::max(known_[i], other.known_[i]);
    }
  }

  void advance(Stamp stamp) {
    known_.resize(std::max(known_.size(), stamp.lane + 1));
    known_[stamp.lane] = std::max(known_[stamp.lane], stamp.sequence);
  }

 private:
  std::vector<std::uint64_t> known_;
};

}  // namespace bnas::emu
