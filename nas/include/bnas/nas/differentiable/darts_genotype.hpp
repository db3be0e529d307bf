// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "bnas/nas/differentiable/candidates.hpp"
#include "bnas/nas/differentiable/cell_graph.hpp"

namespace bnas::nas {

/// An operation of a discrete cell and what it reads.
struct DartsEdge {
  std::string operation;
  int source = 0;
  friend bool operator==(const DartsEdge&, const DartsEdge&) = default;
};

/// What each of the four nodes adds up; the nodes side by side are the cell's output. No node is empty.
using DartsCell = std::array<std::vector<DartsEdge>, kCellNodes>;

/// A discrete architecture: a normal and a reduction cell.
struct DartsGenotype {
  DartsCell normal;
  DartsCell reduce;

  /// "normal[sep_conv_3x3(1)+skip_connect(0)|...] reduce[...]", nodes in order, edges as they are stored.
  std::string text() const;
  /// Reads text(), also with blanks and line breaks between its words; a `usage` Error says at which character what was
  /// expected.
  static DartsGenotype parse(std::string_view text);

  friend bool operator==(const DartsGenotype&, const DartsGenotype&) = default;
};

/// How parameters become a genotype.
struct DerivationOptions {
  int edges_per_node = 2;       ///< 5: all
  bool zeroise = false;         ///< `none` may be chosen, as a real layer of zeros (Kim et al. 2020)
  double zeroise_factor = 1.0;  ///< the weight of `none` is divided by it (3 for transfer to ImageNet)
};

/// The convention of DARTS and PC-DARTS: with P = softmax(beta) over a node's edges times softmax(alpha) over an edge's
/// alive operations, keep the edges with the largest P of an operation, and that operation on each. Ties keep the lower
/// source and the lower operation.
DartsGenotype derive_by_weights(OperationSet set, const ArchitectureValues& values, const Alive& alive,
                                const DerivationOptions& options = {});

/// The convention of performance-based search, where one operation is left on every edge: keep the edges with the
/// largest `scores` of theirs, larger beta first among equal ones, then the lower source. Edges left with `none` are
/// dropped unless `zeroise`; a node that has no other keeps its first, and is zero.
DartsGenotype derive_by_scores(OperationSet set, const ArchitectureValues& values, const Alive& alive,
                               const std::array<std::array<double, kCellEdges>, 2>& scores,
                               const DerivationOptions& options = {});

/// Graphviz source of both cells. Graphviz draws it as `dot -Tsvg`.
std::string draw_dot(const DartsGenotype& genotype);
/// Both cells as an SVG image of its own; node labels, one curve per edge with its operation.
std::string draw_svg(const DartsGenotype& genotype);

}  // namespace bnas::nas
