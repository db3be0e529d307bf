// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "bnas/nas/differentiable/cell_graph.hpp"
#include "differentiable/operations.hpp"

namespace bnas::nas {

/// Channels around a cell: of its two inputs and of its own nodes.
struct CellPlace {
  std::int64_t before_previous = 1, previous = 1, channels = 1;
  bool reduce = false;            ///< the cell halves the image
  bool previous_reduced = false;  ///< so did the one before: input 0 is twice as large as input 1
};

/// A cell in which all operations of an edge compete. Of each value, the first 1/ratio of its channels pass through the
/// operations, the others go by (Xu et al. 2020).
class SupernetCell {
 public:
  SupernetCell(Stream& stream, const std::string& name, const SupernetConfig& config, const CellPlace& place,
               const RandomKey& key);
  /// x0 and x1 are the outputs of the two cells before; `weights` (E, K+1) of ops::mixture_weights. Of an edge only the
  /// operations in `alive` run.
  Var forward(Context& ctx, const Var& x0, const Var& x1, const Var& weights,
              const std::array<std::vector<int>, kCellEdges>& alive);
  /// Parameters that belong to no operation.
  void shared_parameters(const Visit& visit);
  void operation_parameters(std::size_t edge, std::size_t operation, const Visit& visit);
  void buffers(const VisitBuffer& visit);
  void convolutions(const VisitConv& visit);

 private:
  struct Value;
  Var node(Context& ctx, int node, std::vector<Value>& values, const Var& weights,
           const std::array<std::vector<int>, kCellEdges>& alive);

  int ratio_;
  std::int64_t operated_, passed_;  // channels through operations, and by
  bool reduce_;
  Preprocess input0_, input1_;
  std::array<std::unique_ptr<InputActivation>, kCellInputs + kCellNodes - 1> activations_;  // of sources
  std::array<std::vector<std::unique_ptr<EdgeOperation>>, kCellEdges> operations_;          // null: none
};

}  // namespace bnas::nas
