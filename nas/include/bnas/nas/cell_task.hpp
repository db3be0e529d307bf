// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/nas/network_builder.hpp"
#include "bnas/nas/supervised_task.hpp"

namespace bnas::nas {

/// Training the networks that cells of a search space name.
class CellTask final : public SupervisedTask {
 public:
  /// `space` and `registry` must outlive the task. Image size and number of classes of `network` are taken from the
  /// data.
  CellTask(const SearchSpace& space, const OperationRegistry& registry, NetworkConfig network, TrainerConfig config,
           const Train& train, const Valid& valid);

  NetworkCost cost(const Genotype& genotype) const override { return plan(genotype).cost(); }
  std::uint64_t memory(const Genotype& genotype) const override;
  std::unique_ptr<ChildNetwork> make_network(Stream& stream, const Genotype& genotype,
                                             const RandomKey& init) const override;

  NetworkPlan plan(const Genotype& genotype) const;

 private:
  std::string network_text() const override { return network_.text(); }

  const SearchSpace& space_;
  const OperationRegistry& registry_;
  NetworkConfig network_;
};

}  // namespace bnas::nas
