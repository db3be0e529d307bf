// SPDX-License-Identifier: Apache-2.0
// The operations that compete on an edge of a cell, by set and by name.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace bnas::nas {

/// Which operations compete.
enum class OperationSet : std::uint8_t {
  darts_separable,  ///< Liu et al. 2019: depthwise and pointwise convolutions, as BNAS searches (Chen et al. 2020)
  dense_1bit,       ///< Kim et al. 2020: dense convolutions, no identity
  group_shuffle,    ///< BATS (Bulat et al. 2020): group convolutions and channel shuffles, no pointwise convolution
};

enum class CandidateKind : std::uint8_t { none, max_pool, avg_pool, skip, separable, dense, grouped };

/// One operation. Convolutions keep the size of an image at stride 1 (padding dilation * (kernel - 1) / 2).
struct Candidate {
  std::string name;
  CandidateKind kind = CandidateKind::none;
  int kernel = 1;
  int dilation = 1;
  int units = 1;  ///< convolution units in sequence, the first of which has the stride
};

/// The operations of a set; their order is that of alpha's columns and breaks ties.
std::span<const Candidate> candidates(OperationSet set);
/// The operation of this name in any set, or a `usage` Error with the nearest name.
const Candidate& candidate(std::string_view name);

const char* operation_set_name(OperationSet set);
/// "darts-separable", "dense-1bit" or "group-shuffle"; else a `usage` Error with the nearest name.
OperationSet parse_operation_set(std::string_view name);

}  // namespace bnas::nas
