// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "bnas/core/nn/module.hpp"
#include "bnas/nas/differentiable/darts_genotype.hpp"
#include "bnas/nas/differentiable/supernet_config.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas::nas {

/// A network of discrete cells; the defaults are those for CIFAR-10.
struct EvaluationConfig {
  CellStyle style;
  int cells = 20;     ///< reductions at cells / 3 and 2 cells / 3
  int channels = 36;  ///< of the first cells; doubled by a reduction
  int stem_multiplier = 3;
  bool large_images = false;  ///< three stride-2 convolutions before the cells, as for 224-pixel images
  bool auxiliary = true;      ///< a second classifier behind the second reduction, in training
  float auxiliary_weight = 0.4F;
  int image_channels = 3;
  int classes = 10;

  bool reduces(int cell) const { return cells > 2 && (cell == cells / 3 || cell == 2 * cells / 3); }
  /// 14 cells of 48 channels for 224-pixel images.
  static EvaluationConfig imagenet();
  /// usage Error naming the key.
  void validate() const;
  std::string text() const;  ///< all of it in one line, for fingerprints
};

/// The network that a genotype describes: norms with gamma and beta, all channels through the operations, pools without
/// norms. One thread, one stream.
class EvaluationNetwork final : public nn::Module {
 public:
  /// The set of config.style must be that of the genotype's operations (usage Error otherwise): it decides the layers
  /// around them.
  EvaluationNetwork(Stream& stream, const EvaluationConfig& config, const DartsGenotype& genotype,
                    const RandomKey& key);
  ~EvaluationNetwork() override;

  /// Images f32 (N,H,W,C) -> logits (N,classes).
  Var forward(Context& ctx, const Var& images) override;
  /// Logits, and the training loss: cross entropy with label smoothing, plus the auxiliary classifier's where there is
  /// one. labels i32 (N).
  struct LossAndLogits {
    Var loss, logits;
  };
  LossAndLogits loss(Context& ctx, const Var& images, const Tensor& labels, float smoothing);

  /// Rate at which samples of an operation's result are dropped in training; 0 at first. Ramped linearly over the
  /// epochs (drop path). Identities are never dropped. A training pass then needs Context::step.
  void set_drop_path(float rate) { drop_path_ = rate; }

  void parameters(const std::function<void(nn::Parameter&)>& visit) override;
  void buffers(const std::function<void(const std::string& name, Tensor&)>& visit) override;
  /// Numbers in parameters(); `with_auxiliary`: those of the auxiliary classifier too.
  std::int64_t parameter_count(bool with_auxiliary);
  /// Before each step on weights: centers latent weights where their optimizer wants it.
  void prepare_weights();

 private:
  struct Parts;
  struct Outputs;
  Outputs run(Context& ctx, const Var& images, bool auxiliary);

  EvaluationConfig config_;
  Stream& stream_;
  std::unique_ptr<Parts> parts_;
  float drop_path_ = 0.0F;
};

}  // namespace bnas::nas
