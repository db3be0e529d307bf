// SPDX-License-Identifier: Apache-2.0
// The graph that all cells of the differentiable spaces share (Liu et al. 2019): two inputs, four nodes, an edge from
// every earlier value to every node. Sources are numbered 0 and 1 (the inputs), 2 to 5 (the nodes).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace bnas::nas {

inline constexpr int kCellInputs = 2;
inline constexpr int kCellNodes = 4;
inline constexpr int kCellEdges = 14;

/// Whether `cell` of so many halves the image: those at a third and at two thirds do.
constexpr bool is_reduction(int cells, int cell) { return cells > 2 && (cell == cells / 3 || cell == 2 * cells / 3); }

/// Edges of `node` (0 to 3): one per source.
constexpr int edges_of(int node) { return kCellInputs + node; }
/// Number of the first edge of `node`.
constexpr int first_edge(int node) { return kCellInputs * node + node * (node - 1) / 2; }

/// Number of the edge of `node` that comes from `source`.
constexpr std::size_t edge_from(int node, int source) {
  return static_cast<std::size_t>(first_edge(node)) + static_cast<std::size_t>(source);
}

/// Node of every edge.
std::vector<std::int32_t> edge_nodes();

enum class CellType : std::uint8_t { normal, reduce };
inline constexpr std::array<CellType, 2> kCellTypes{CellType::normal, CellType::reduce};

/// For both cell types and every edge, operations by their position in the set, ascending. What is not listed is dead.
using Alive = std::array<std::array<std::vector<int>, kCellEdges>, 2>;

/// All `operations` of every edge.
Alive all_alive(int operations);

/// Architecture parameters of one cell type, read back: alpha[edge][operation], beta[edge].
struct CellParameters {
  std::array<std::vector<double>, kCellEdges> alpha;
  std::array<double, kCellEdges> beta{};
};
using ArchitectureValues = std::array<CellParameters, 2>;

}  // namespace bnas::nas
