// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/search_space.hpp"

#include <algorithm>
#include <set>

#include "bnas/core/error.hpp"
#include "canonical.hpp"

namespace bnas::nas {
namespace {

void require(bool holds, const std::string& message) {
  if (!holds) {
    throw Error(ErrorKind::usage, message);
  }
}

void require_range(const char* what, int value, int low, int high) {
  require(value >= low && value <= high, std::string(what) + " is " + std::to_string(value) + " but must be between " +
                                             std::to_string(low) + " and " + std::to_string(high));
}

/// Halves (input, operation) that a block may have, ascending.
std::vector<std::pair<std::int8_t, std::uint8_t>> halves(const std::vector<std::int8_t>& inputs,
                                                         std::size_t operators) {
  std::vector<std::pair<std::int8_t, std::uint8_t>> all;
  for (const std::int8_t in : inputs) {
    for (std::size_t op = 0; op < operators; ++op) {
      all.emplace_back(in, static_cast<std::uint8_t>(op));
    }
  }
  return all;
}

}  // namespace

SpaceConfig SpaceConfig::flat(std::vector<std::string> operators, int blocks) {
  return {SpaceKind::flat, std::move(operators), blocks, 1, 0, Combine::concat};
}

SpaceConfig SpaceConfig::pnas(std::vector<std::string> operators, int blocks) {
  return {SpaceKind::pnas, std::move(operators), blocks, 2, -1, Combine::add};
}

SearchSpace::SearchSpace(SpaceConfig config) : config_(std::move(config)) {
  require_range("the number of operators", static_cast<int>(config_.operators.size()), 1, kMaxOperators);
  std::set<std::string> seen;
  for (const std::string& name : config_.operators) {
    require(!name.empty(), "the list of operators holds an empty name");
    require(seen.insert(name).second, "operator '" + name + "' is listed twice");
  }
  require_range("blocks", config_.blocks, 1, kMaxBlocks);
  require_range("look_back", config_.look_back, 1, kMaxLookBack);
  require_range("look_forward", config_.look_forward, -1, kMaxBlocks);
}

std::vector<std::int8_t> SearchSpace::inputs(int b) const {
  std::vector<std::int8_t> all;
  for (int in = -config_.look_back; in < 0; ++in) {
    all.push_back(static_cast<std::int8_t>(in));
  }
  for (int in = config_.look_forward < 0 ? 0 : std::max(0, b - config_.look_forward); in < b; ++in) {
    all.push_back(static_cast<std::int8_t>(in));
  }
  return all;
}

void SearchSpace::require_cell(const Genotype& g) const {
  require_range("the number of blocks of a cell", static_cast<int>(g.blocks.size()), 1, config_.blocks);
  for (std::size_t b = 0; b < g.blocks.size(); ++b) {
    const Block& block = g.blocks[b];
    for (const int in : {int{block.in0}, int{block.in1}}) {
      const int last = config_.look_forward == 0 ? -1 : static_cast<int>(b) - 1;
      if (in < -config_.look_back || in > last) {
        throw Error(ErrorKind::usage, "block " + std::to_string(b) + " reads input " + std::to_string(in) +
                                          ", but this space allows " + std::to_string(-config_.look_back) + " to " +
                                          std::to_string(last) + " there");
      }
    }
    for (const int op : {block.op0, block.op1}) {
      if (op >= static_cast<int>(config_.operators.size())) {
        throw Error(ErrorKind::usage, "block " + std::to_string(b) + " has operation number " + std::to_string(op) +
                                          ", but this space has " + std::to_string(config_.operators.size()));
      }
    }
  }
}

Genotype SearchSpace::canonical(const Genotype& g) const {
  require_cell(g);
  Genotype result = g;
  require(canonicalize(config_, result), "no order of the blocks lets each read only the " +
                                             std::to_string(config_.look_forward) + " before it, as look_forward asks");
  return result;
}

// FNV-1a, 64 bits (Fowler, Noll, Vo), over the bytes in0, op0, in1, op1 of each block of the canonical form, an input
// as its two's complement.
std::uint64_t SearchSpace::hash(const Genotype& g) const {
  std::uint64_t h = 0xCBF29CE484222325ULL;
  const auto mix = [&h](std::uint8_t byte) { h = (h ^ byte) * 0x100000001B3ULL; };
  for (const Block& b : canonical(g).blocks) {
    mix(static_cast<std::uint8_t>(b.in0));
    mix(b.op0);
    mix(static_cast<std::uint8_t>(b.in1));
    mix(b.op1);
  }
  return h;
}

std::vector<Genotype> SearchSpace::first() const {
  const auto all = halves(inputs(0), config_.operators.size());
  std::vector<Genotype> cells;
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = i; j < all.size(); ++j) {
      cells.push_back({{{all[i].first, all[i].second, all[j].first, all[j].second}}});
    }
  }
  return cells;
}

std::vector<Genotype> SearchSpace::grow(const Genotype& g) const {
  require_cell(g);
  const auto b = static_cast<int>(g.blocks.size());
  require(b < config_.blocks, "a cell of " + std::to_string(b) + " blocks cannot grow: the space has no more");
  // With a look-forward limit g's other numberings reach other blocks: try all, canonicalize() drops what none reaches.
  std::vector<std::int8_t> readable = inputs(b);
  if (config_.look_forward > 0) {
    readable = inputs(0);
    for (int in = 0; in < b; ++in) {
      readable.push_back(static_cast<std::int8_t>(in));
    }
  }
  const auto all = halves(readable, config_.operators.size());
  std::vector<Genotype> children;
  children.reserve(all.size() * (all.size() + 1) / 2);
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t j = i; j < all.size(); ++j) {
      Genotype child;
      child.blocks.reserve(g.blocks.size() + 1);
      child.blocks = g.blocks;
      child.blocks.push_back({all[i].first, all[i].second, all[j].first, all[j].second});
      if (canonicalize(config_, child)) {
        children.push_back(std::move(child));
      }
    }
  }
  std::sort(children.begin(), children.end());
  children.erase(std::unique(children.begin(), children.end()), children.end());
  return children;
}

Genotype SearchSpace::sample(int blocks, const RandomKey& key, std::uint64_t& index) const {
  require_range("the number of blocks of a cell", blocks, 1, config_.blocks);
  Genotype g;
  for (int b = 0; b < blocks; ++b) {
    const std::vector<std::int8_t> all = inputs(b);
    const auto input = [&] { return all[key.below(index++, static_cast<std::uint32_t>(all.size()))]; };
    const auto operation = [&] {
      return static_cast<std::uint8_t>(key.below(index++, static_cast<std::uint32_t>(config_.operators.size())));
    };
    Block block;
    block.in0 = input();
    block.op0 = operation();
    block.in1 = input();
    block.op1 = operation();
    g.blocks.push_back(block);
  }
  return canonical(g);
}

std::vector<std::int32_t> SearchSpace::tokens(const Genotype& g) const {
  require_cell(g);
  std::vector<std::int32_t> all;
  all.reserve(4 * g.blocks.size());
  for (const Block& b : g.blocks) {
    all.insert(all.end(), {b.in0 + config_.look_back, b.in1 + config_.look_back, b.op0, b.op1});
  }
  return all;
}

int SearchSpace::input_tokens() const {
  return config_.look_back + (config_.look_forward == 0 ? 0 : config_.blocks - 1);
}

}  // namespace bnas::nas
