// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "bnas/nas/child_network.hpp"
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
  /// Largest rate at which samples of an operation's result are dropped in training. Of epoch e, counted from 0, of E
  /// it is drop_path e / E. Identities are never dropped (Larsson et al. 2017, as DARTS has it).
  float drop_path = 0.3F;
  float label_smoothing = 0.0F;  ///< in [0, 1)
  int image_channels = 3;
  int classes = 10;

  bool reduces(int cell) const { return is_reduction(cells, cell); }
  /// 14 cells of 48 channels for 224-pixel images, smoothed labels, no drop path.
  static EvaluationConfig imagenet();
  /// usage Error naming the key.
  void validate() const;
  std::string text() const;  ///< all of it in one line, for fingerprints
};

/// The network that a genotype describes: norms with gamma and beta, all channels through the operations, pools without
/// norms. One thread, one stream.
class EvaluationNetwork final : public ChildNetwork {
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
  LossAndLogits loss(Context& ctx, const Var& images, const Tensor& labels);
  Pass differentiate(const Tensor& images, const Tensor& labels, const Tensor& values) override;
  /// Sets the rate of drop path, which is 0 at first. With any other, a training pass needs Context::step.
  bool begin_epoch(int epoch, int epochs) override;
  float drop_path() const { return drop_path_; }

  void parameters(const std::function<void(nn::Parameter&)>& visit) override;
  void buffers(const std::function<void(const std::string& name, Tensor&)>& visit) override;
  /// Without the auxiliary classifier.
  void packed(const std::function<void(const std::string& name, const Tensor& tensor)>& visit) override;
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
