// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "bnas/core/optim/optimizer.hpp"
#include "bnas/core/optim/schedule.hpp"
#include "bnas/nas/network.hpp"
#include "bnas/portable/augment.hpp"

namespace bnas::nas {

/// How a network is trained. The defaults are the seeds' recipe (Hubara et al. 2016 with AMSGrad).
struct Recipe {
  std::string loss = "squared_hinge";  ///< or softmax_cross_entropy
  std::string optimizer = "amsgrad";   ///< or adam, sgd, bop
  optim::Schedule schedule;            ///< 1e-3, a tenth of it per `epochs`, constant within an epoch
  int batch_size = 128;
  float weight_decay = 0.0F;
  float adam_eps = 1e-7F;  ///< adam, amsgrad
  float momentum = 0.9F;   ///< sgd
  bool nesterov = false;   ///< sgd
  float bop_gamma = 1e-4F;
  float bop_threshold = 1e-8F;
  float grad_clip = 0.0F;  ///< global norm; 0: none
  optim::StepOptions step;
  LayerOptions layers;
  BatchRule batch;  ///< the range of inputs, and how training images are augmented

  /// usage Error naming the key and, for a wrong word, the nearest one.
  void validate() const;
  /// All of it in one line, for fingerprints.
  std::string text() const;
};

/// The recipe's rule of a step.
std::unique_ptr<optim::Optimizer> make_optimizer(const Recipe& recipe);

}  // namespace bnas::nas
