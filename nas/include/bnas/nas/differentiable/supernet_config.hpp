// SPDX-License-Identifier: Apache-2.0
// What the networks of a differentiable search are made of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bnas/core/ops/norm.hpp"
#include "bnas/nas/differentiable/candidates.hpp"
#include "bnas/nas/differentiable/cell_graph.hpp"
#include "bnas/portable/dims.hpp"
#include "bnas/portable/weight_rules.hpp"

namespace bnas::nas {

/// What is binary in the cells: "W1A32" has binary weights and real activations, and so on. Stem, classifier and
/// auxiliary head are always real.
struct Precision {
  bool binary_weights = true;
  bool binary_inputs = false;

  bool any() const { return binary_weights || binary_inputs; }
  std::string text() const;
  /// "W32A32", "W1A32", "W1A1" or "W32A1"; else a `usage` Error with the nearest.
  static Precision parse(std::string_view name);
};

/// How binary weights are trained.
enum class WeightMethod : std::uint8_t {
  none,  ///< signs alone, straight-through
  xnor,  ///< amplitude mean |w| per filter (Rastegari et al. 2016)
  pcnn,  ///< projections with a projection loss (Gu et al. 2019)
};

/// How the gradient of an XNOR weight counts its amplitude.
enum class XnorGradient : std::uint8_t {
  paper,      ///< as published: only its own share of the amplitude
  corrected,  ///< the amplitude's derivative in full
  constant,   ///< the amplitude is a constant (Bi-Real net)
};

enum class PcnnForm : std::uint8_t {
  matrix,  ///< a learned matrix (KH,KW) per layer multiplies the kernels before the sign; amplitude mean |w| per layer
  scalar,  ///< a learned amplitude per filter
};

struct WeightOptimizer {
  WeightMethod method = WeightMethod::xnor;
  XnorGradient gradient = XnorGradient::constant;
  /// xnor: before each step, filters lose their mean over input channels. Depthwise filters, whose mean is themselves,
  /// never do. constant leaves this off.
  bool center() const { return method == WeightMethod::xnor && gradient != XnorGradient::constant; }
  PcnnForm form = PcnnForm::matrix;
  ProjectionRule projection;
  AmplitudeRule amplitude;

  std::string text() const;
};

/// "none", "xnor", "pcnn"; "paper", "corrected", "constant"; "matrix", "scalar"; else `usage` Errors.
WeightMethod parse_weight_method(std::string_view name);
XnorGradient parse_xnor_gradient(std::string_view name);
PcnnForm parse_pcnn_form(std::string_view name);

/// What all cells of a network share.
struct CellStyle {
  OperationSet operations = OperationSet::darts_separable;
  Precision precision;
  WeightOptimizer weights;
  bool binary_preprocess = true;  ///< where weights are binary, those of the 1x1 convolutions before a cell are too
  bool shortcuts = false;         ///< adds a unit's input where shapes agree; units with binary inputs always do
  bool cell_skips = false;        ///< adds the previous cell's output to a cell's (Kim et al. 2020)
  ops::BatchNormOptions norm;
  PadValue pad = PadValue::zero;

  std::string text() const;
};

/// A supernet; the defaults are those of BNAS for CIFAR-10.
struct SupernetConfig {
  CellStyle style;
  int cells = 8;             ///< reductions at cells / 3 and 2 cells / 3
  int channels = 16;         ///< of the first cells; doubled by a reduction
  int stem_multiplier = 3;   ///< the stem has this times `channels`
  int channel_ratio = 2;     ///< 1 / ratio of the channels pass through operations, the others by (Xu et al. 2020)
  bool edge_weights = true;  ///< edge normalization (Xu et al. 2020)
  int image_channels = 3;
  int classes = 10;

  bool reduces(int cell) const { return is_reduction(cells, cell); }
  /// The same network with real weights and activations.
  SupernetConfig real_twin() const;
  /// usage Error naming the key.
  void validate() const;
  std::string text() const;  ///< all of it in one line, for fingerprints
};

}  // namespace bnas::nas
