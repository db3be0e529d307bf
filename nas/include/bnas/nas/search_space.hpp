// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bnas/nas/genotype.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas::nas {

enum class SpaceKind : std::uint8_t { flat, pnas };
enum class Combine : std::uint8_t { add, concat };

/// The part of a run's configuration that defines the space.
struct SpaceConfig {
  SpaceKind kind = SpaceKind::pnas;
  std::vector<std::string> operators;  ///< names known to the operation registry; order gives the indices
  int blocks = 5;                      ///< B, at most kMaxBlocks
  int look_back = 2;                   ///< cell inputs -1 .. -look_back, at most kMaxLookBack; flat: 1
  int look_forward = -1;               ///< earlier blocks that may be read: the last n of them; -1 all, 0 none (flat)
  Combine combine = Combine::add;      ///< flat: concat

  /// The defaults of a kind: flat reads the cell's input only and concatenates.
  static SpaceConfig flat(std::vector<std::string> operators, int blocks);
  static SpaceConfig pnas(std::vector<std::string> operators, int blocks);
};

inline constexpr int kMaxBlocks = 8;
inline constexpr int kMaxOperators = 64;
inline constexpr int kMaxLookBack = 2;  // the network builder keeps two previous cells

/// All cells of a configuration, up to isomorphism: swapping the halves of a block and renumbering blocks in any
/// topological order give the same network. Where no block is
/// read and outputs are concatenated (flat) any rearrangement of the 2b operations does. Two equal blocks are not one:
/// their weights differ. Immutable, thread-safe.
class SearchSpace {
 public:
  /// usage Error for an empty or duplicate operator list, more than kMaxOperators, or numbers out of range.
  explicit SearchSpace(SpaceConfig config);

  const SpaceConfig& config() const { return config_; }
  /// Legal inputs of block `b` (0-based), ascending: -2, -1, 0, ...
  std::vector<std::int8_t> inputs(int b) const;

  /// The representative of g's isomorphism class: blocks' halves ordered, then the lexicographically smallest
  /// topological renumbering that respects look_forward. usage Error for inputs or operations outside the space, or
  /// when no numbering respects look_forward; g's own need not.
  Genotype canonical(const Genotype& g) const;
  /// Stable across runs and machines; equal for isomorphic cells.
  std::uint64_t hash(const Genotype& g) const;

  /// Seed notation: "[-2, '3x3 bconv', 0, 'linear']": in0, op0, in1, op1 per block. In the flat space the cell's input
  /// is written 0, as the seeds do.
  std::string text(const Genotype& g) const;
  /// Reads text() tolerantly (spaces, either quote), as written, not canonical; usage Error naming the column, unknown
  /// names with the nearest.
  Genotype parse(std::string_view text) const;

  /// All canonical one-block cells, in lexicographic order.
  std::vector<Genotype> first() const;
  /// All canonical cells that extend g's isomorphism class by one block, without duplicates, in lexicographic order.
  std::vector<Genotype> grow(const Genotype& g) const;
  /// A random cell of exactly `blocks` blocks (uniform over ordered cells), canonical. Uses indices from `index` on and
  /// advances it.
  Genotype sample(int blocks, const RandomKey& key, std::uint64_t& index) const;

  /// Cells of exactly `blocks` blocks up to isomorphism, by counting orbits (Burnside): exact as a decimal string. At
  /// once, except with a look-forward limit of 1 to blocks - 2, where the wirings of cells are enumerated: about
  /// SECONDS.
  std::string count_unique(int blocks) const;
  /// Ordered cells of exactly `blocks` blocks, as a decimal string.
  std::string count_raw(int blocks) const;

  /// Surrogate tokens, 4 per block: input0, input1, op0, op1. Inputs are numbered 0.. from the farthest cell input on
  /// (input_tokens() of them), operations 0.. (operators.size()).
  std::vector<std::int32_t> tokens(const Genotype& g) const;
  int input_tokens() const;

 private:
  /// usage Error unless g has a legal number of blocks, operations, and inputs from the cell or an earlier block.
  void require_cell(const Genotype& g) const;

  SpaceConfig config_;
};

}  // namespace bnas::nas
