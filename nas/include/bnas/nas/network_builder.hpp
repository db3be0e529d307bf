// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "bnas/nas/network_plan.hpp"
#include "bnas/nas/operation_registry.hpp"
#include "bnas/nas/search_space.hpp"

namespace bnas::nas {

/// The frame around the cells. Image sizes come from the data set.
struct NetworkConfig {
  int height = 28, width = 28, channels = 1, classes = 10;
  int cells = 3;
  /// flat: filters of each cell (at least `cells` entries). pnas: F of the first cell, doubled at each reduction; or
  /// one entry per cell.
  std::vector<int> filters{16, 24, 32};
  /// Widths of the dense layers; the last is the number of classes.
  std::vector<int> dense{32, 10};
  int stem_stride = 1;  ///< pnas: stride of the stem convolution
  Activation activation = Activation::sign;
  nn::NormAxis norm_axis = nn::NormAxis::channel;
  float dropout_input = 0.0F;    ///< before the first dense layer
  float dropout_hidden = 0.0F;   ///< before every later one
  bool dropout_rescale = false;  ///< what is left is divided by 1 - rate; false: the seeds' dropout

  /// usage Error naming the key that does not fit.
  void validate(SpaceKind kind) const;
  /// All that is chosen, in one line, for fingerprints; not what the data set decides.
  std::string text() const;
};

/// The network that `genotype` names: the only place where a genotype becomes layers.
///
/// flat (the seeds' network): every cell has stride 2 and reads the cell before it; its operations end in sign and are
/// concatenated. Then flatten, and dense layers with batch norm, sign between them.
///
/// pnas (PNASNet's frame, with binary operations): a 3x3 stem on the pixels, then cells of which those at
/// floor(i * cells / 3), i = 1, 2, have stride 2. A cell first brings its inputs to its width (1x1 convolution, or
/// a factorized reduction where the image is larger); operations on cell inputs have the cell's stride, those on
/// blocks stride 1; a block adds its two operations as real numbers; the cell's output is the concatenation of all
/// blocks. Then global average pooling and dense layers, the last with float weights. Every dense layer has a batch
/// norm behind it, the last one too: the logits of binary features start at the scale that the loss expects.
///
/// Dropout stands before dense layers. A binary dense layer of binary activations takes the signs that it leaves: a
/// dropped one is 0 and takes no part.
NetworkPlan build_network_plan(const SearchSpace& space, const Genotype& genotype, const OperationRegistry& registry,
                               const NetworkConfig& config);

}  // namespace bnas::nas
