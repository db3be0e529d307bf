// SPDX-License-Identifier: Apache-2.0
#include "canonical.hpp"

#include <algorithm>
#include <array>

namespace bnas::nas {
namespace {

using Key = std::uint32_t;  // a block as four bytes, input offset by 128: compares as Block does

Key key_of(const Block& b) {
  const auto byte = [](std::int8_t in) { return static_cast<Key>(in + 128); };
  return byte(b.in0) << 24U | Key{b.op0} << 16U | byte(b.in1) << 8U | Key{b.op1};
}

Block block_of(Key key) {
  const auto input = [](Key byte) { return static_cast<std::int8_t>(static_cast<int>(byte & 255U) - 128); };
  return {input(key >> 24U), static_cast<std::uint8_t>(key >> 16U & 255U), input(key >> 8U),
          static_cast<std::uint8_t>(key & 255U)};
}

Block with_ordered_halves(const Block& b) {
  const bool ordered = b.in0 < b.in1 || (b.in0 == b.in1 && b.op0 <= b.op1);
  return ordered ? b : Block{b.in1, b.op1, b.in0, b.op0};
}

/// Depth-first search for the lexicographically smallest topological numbering. Only equal keys branch; among equal
/// blocks that nobody reads one is enough, since exchanging two of them is an automorphism. Without a look-forward
/// limit the first key that fits always completes; with one, a dead end falls back to the next key.
class Numbering {
 public:
  Numbering(const Genotype& g, int look_forward)
      : blocks_(g.blocks.data()), n_(static_cast<int>(g.blocks.size())), look_forward_(look_forward) {
    for (int i = 0; i < n_; ++i) {
      read_ |= bit(blocks_[i].in0) | bit(blocks_[i].in1);
    }
  }

  bool find() { return place(0, 0U); }
  const Key* best() const { return best_.data(); }

 private:
  static unsigned bit(int input) { return input < 0 ? 0U : 1U << static_cast<unsigned>(input); }

  /// The key of block i as number `position`; false where its inputs are not there yet or out of reach.
  bool key_at(int i, int position, unsigned placed, Key& key) const {
    const Block& b = blocks_[i];
    if (((bit(b.in0) | bit(b.in1)) & ~placed) != 0U) {
      return false;
    }
    const auto renumbered = [&](std::int8_t in) { return in < 0 ? in : number_[static_cast<std::uint8_t>(in)]; };
    const Block moved = with_ordered_halves({renumbered(b.in0), b.op0, renumbered(b.in1), b.op1});
    const auto reachable = [&](std::int8_t in) {
      return in < 0 || look_forward_ < 0 || in >= position - look_forward_;
    };
    key = key_of(moved);
    return reachable(moved.in0) && reachable(moved.in1);
  }

  bool place(int position, unsigned placed) {
    if (position == n_) {
      if (!found_ || keys_ < best_) {
        best_ = keys_;
        found_ = true;
      }
      return true;
    }
    std::array<Key, kMaxBlocks> key{};
    unsigned open = 0U;
    for (int i = 0; i < n_; ++i) {
      if ((placed & bit(i)) == 0U && key_at(i, position, placed, key[static_cast<std::size_t>(i)])) {
        open |= bit(i);
      }
    }
    bool completed = false;
    while (open != 0U && !completed) {
      Key& smallest = keys_[static_cast<std::size_t>(position)];
      smallest = ~Key{0};
      for (int i = 0; i < n_; ++i) {
        if ((open & bit(i)) != 0U) {
          smallest = std::min(smallest, key[static_cast<std::size_t>(i)]);
        }
      }
      bool tried_unread = false;
      for (int i = 0; i < n_; ++i) {
        if ((open & bit(i)) == 0U || key[static_cast<std::size_t>(i)] != smallest) {
          continue;
        }
        open &= ~bit(i);
        const bool unread = (read_ & bit(i)) == 0U;
        if (unread && tried_unread) {
          continue;
        }
        tried_unread |= unread;
        number_[static_cast<std::size_t>(i)] = static_cast<std::int8_t>(position);
        completed |= place(position + 1, placed | bit(i));
      }
    }
    return completed;
  }

  const Block* blocks_;
  int n_;
  int look_forward_;
  unsigned read_ = 0U;  // blocks that another block reads
  bool found_ = false;
  std::array<std::int8_t, kMaxBlocks> number_{};
  std::array<Key, kMaxBlocks> keys_{};
  std::array<Key, kMaxBlocks> best_{};
};

void sort_pairs(Genotype& g) {
  std::array<std::pair<std::int8_t, std::uint8_t>, 2 * kMaxBlocks> pairs;
  std::size_t n = 0;
  for (const Block& b : g.blocks) {
    pairs[n++] = {b.in0, b.op0};
    pairs[n++] = {b.in1, b.op1};
  }
  std::sort(pairs.begin(), pairs.begin() + static_cast<std::ptrdiff_t>(n));
  for (std::size_t i = 0; i < g.blocks.size(); ++i) {
    const auto& first = pairs[2 * i];
    const auto& second = pairs[2 * i + 1];
    g.blocks[i] = {first.first, first.second, second.first, second.second};
  }
}

}  // namespace

bool canonicalize(const SpaceConfig& config, Genotype& g) {
  if (is_multiset(config)) {
    sort_pairs(g);
    return true;
  }
  Numbering numbering(g, config.look_forward);
  if (!numbering.find()) {
    return false;
  }
  for (std::size_t i = 0; i < g.blocks.size(); ++i) {
    g.blocks[i] = block_of(numbering.best()[i]);
  }
  return true;
}

}  // namespace bnas::nas
