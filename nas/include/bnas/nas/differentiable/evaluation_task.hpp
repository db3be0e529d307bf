// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/nas/differentiable/evaluation_network.hpp"
#include "bnas/nas/supervised_task.hpp"

namespace bnas::nas {

/// Training the network of one genotype that a differentiable search found. Its trials' own genotypes are empty.
class EvaluationTask final : public SupervisedTask {
 public:
  /// Image channels and classes of `network` are taken from the data. usage Error for a genotype of another operation
  /// set, and for images too small for the auxiliary classifier. The loss is cross entropy, whatever the recipe says.
  EvaluationTask(EvaluationConfig network, DartsGenotype genotype, TrainerConfig config, const Train& train,
                 const Valid& valid);

  /// Weights as they are kept for use: all but the auxiliary classifier's.
  NetworkCost cost(const Genotype& /*genotype*/) const override { return cost_; }
  std::uint64_t memory(const Genotype& genotype) const override;
  std::unique_ptr<ChildNetwork> make_network(Stream& stream, const Genotype& genotype,
                                             const RandomKey& init) const override;

 private:
  std::string network_text() const override;

  EvaluationConfig network_;
  DartsGenotype genotype_;
  int height_, width_;
  NetworkCost cost_;
  std::int64_t trained_ = 0;  // numbers that training moves
};

}  // namespace bnas::nas
