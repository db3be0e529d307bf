// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bnas/core/nn/batch_norm.hpp"
#include "bnas/nas/trial.hpp"

namespace bnas::nas {

enum class LayerKind : std::uint8_t {
  input,      ///< pixels, real-valued
  conv,       ///< binary weights, no bias; its input is binarized unless it is the pixels
  depthwise,  ///< as conv, one filter per channel
  batch_norm,
  sign,
  relu,
  dropout,  ///< in training some values are 0; else nothing happens
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

/// What stands between layers. `sign` binarizes activations (W1A1); with the others they stay real and only weights are
/// binary (W1A32), as in binary-weight networks (Rastegari et al. 2016).
enum class Activation : std::uint8_t { sign, relu, identity };
const char* activation_name(Activation activation);

/// One layer, independent of where it stands. Padding is TensorFlow's SAME.
struct LayerSpec {
  LayerKind kind = LayerKind::conv;
  int kh = 1, kw = 1;
  int stride = 1;
  int out_channels = 0;       ///< conv, dense
  bool shifted_grid = false;  ///< conv: reads from pixel 1 on instead of 0 (second half of a factorized reduction)
  float rate = 0.0F;          ///< dropout: probability of 0
  bool rescale = false;       ///< dropout: what is left is divided by 1 - rate

  static LayerSpec conv(int kh, int kw, int out_channels, int stride = 1);
  static LayerSpec depthwise(int k, int stride = 1);
  static LayerSpec of(LayerKind kind);
  static LayerSpec pool(LayerKind kind, int k, int stride);
  static LayerSpec dropout(float rate, bool rescale);
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
  Activation activation = Activation::sign;
  nn::NormAxis norm_axis = nn::NormAxis::channel;  ///< of images; units of dense layers are always normed one by one

  /// Whether batch norm `index` has statistics per row of an image.
  bool norms_rows(std::size_t index) const;
  /// Whether conv, depthwise and dense node `index` takes its input as it is, rather than its signs: pixels,
  /// activations that stay real, and what dropout leaves of signs (-1, 0, +1).
  bool reads_real(std::size_t index) const;

  /// Sizes and multiply counts of all nodes; a convolution counts all its taps, as is usual.
  NetworkCost cost() const;
  /// Every layer with its inputs, one per line without names: equal texts are equal networks.
  std::string signature() const;
  /// Output channels of the last node of each cell with its size, "14x14x32".
  std::vector<std::string> cell_shapes;
};

/// Appends nodes and infers their shapes. Where activations stay real, every sign becomes the activation in its place.
class PlanBuilder {
 public:
  PlanBuilder(int height, int width, int channels, Activation activation = Activation::sign,
              nn::NormAxis norm_axis = nn::NormAxis::channel);
  int append(const LayerSpec& layer, const std::vector<int>& inputs, const std::string& name);
  /// A chain of layers named prefix.0.kind, prefix.1.kind, ...
  int chain(const std::vector<LayerSpec>& layers, int input, const std::string& prefix);
  const PlanNode& node(int index) const { return plan_.nodes[static_cast<std::size_t>(index)]; }
  void end_cell(int node);
  NetworkPlan finish() && { return std::move(plan_); }

 private:
  LayerSpec as_planned(const LayerSpec& layer) const;

  NetworkPlan plan_;
};

}  // namespace bnas::nas
