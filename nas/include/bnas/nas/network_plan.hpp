// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bnas/nas/trial.hpp"

namespace bnas::nas {

enum class LayerKind : std::uint8_t {
  input,      ///< pixels, real-valued
  conv,       ///< binary weights, no bias; its input is binarized unless it is the pixels
  depthwise,  ///< as conv, one filter per channel
  batch_norm,
  sign,
  max_pool,
  avg_pool,
  concat,
  add,
  flatten,
  global_avg_pool,
  dense,       ///< binary weights
  real_dense,  ///< float weights and bias
};
const char* layer_kind_name(LayerKind kind);

/// One layer, independent of where it stands. Padding is TensorFlow's SAME.
struct LayerSpec {
  LayerKind kind = LayerKind::conv;
  int kh = 1, kw = 1;
  int stride = 1;
  int out_channels = 0;       ///< conv, dense
  bool shifted_grid = false;  ///< conv: reads from pixel 1 on instead of 0 (second half of a factorized reduction)

  static LayerSpec conv(int kh, int kw, int out_channels, int stride = 1);
  static LayerSpec depthwise(int k, int stride = 1);
  static LayerSpec of(LayerKind kind);
  static LayerSpec pool(LayerKind kind, int k, int stride);
};

/// What flows between layers.
enum class ValueKind : std::uint8_t { pixels, real, binary };

struct PlanNode {
  LayerSpec layer;
  std::vector<int> inputs;  ///< earlier nodes
  std::string name;         ///< "cell0.block1.a.2.conv"; names the parameters
  int h = 0, w = 0, c = 0;  ///< output (h = w = 1 after flatten and pooling)
  ValueKind value = ValueKind::real;
};

/// A network as a graph of layers in execution order: built from a genotype, costed without running, executed by
/// Network. The last node gives the logits (N, classes).
struct NetworkPlan {
  std::vector<PlanNode> nodes;

  /// Sizes and multiply counts of all nodes; a convolution counts all its taps, as is usual.
  NetworkCost cost() const;
  /// Every layer with its inputs, one per line without names: equal texts are equal networks.
  std::string signature() const;
  /// Output channels of the last node of each cell with its size, "14x14x32".
  std::vector<std::string> cell_shapes;
};

/// Appends nodes and infers their shapes.
class PlanBuilder {
 public:
  PlanBuilder(int height, int width, int channels);
  int append(const LayerSpec& layer, const std::vector<int>& inputs, const std::string& name);
  /// A chain of layers named prefix.0.kind, prefix.1.kind, ...
  int chain(const std::vector<LayerSpec>& layers, int input, const std::string& prefix);
  const PlanNode& node(int index) const { return plan_.nodes[static_cast<std::size_t>(index)]; }
  void end_cell(int node);
  NetworkPlan finish() && { return std::move(plan_); }

 private:
  NetworkPlan plan_;
};

}  // namespace bnas::nas
