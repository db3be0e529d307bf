// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <optional>

#include "bnas/core/io/checkpoint.hpp"
#include "bnas/nas/differentiable/differentiable_search.hpp"
#include "differentiable/search_network.hpp"

namespace bnas::nas {

/// One search from its checkpoint, or from nothing, to its result. It advances by units, each an epoch of the supernet
/// or a trial, and saves after each and inside them.
class SearchRun {
 public:
  SearchRun(Stream& stream, const DifferentiableConfig& config, const DeviceImages& train, const DeviceImages& valid,
            std::string fingerprint, const DifferentiableContext& context);
  DifferentiableResult run();

 private:
  /// What trains in an epoch, and with what.
  struct Epoch {
    int batch_size = 0;
    bool architecture = false;
  };

  void restore();
  void save();
  void pause();  // at a step: saves where it is time to, leaves where that is asked
  void add_event(const std::string& line);
  void add_decisions();  // of the reduction, that the history does not have yet

  void supernet_epoch();
  void trial(const Selection& selection);
  void round();
  EpochSums train_epoch(SearchNetwork& network, const Epoch& epoch);
  void load_steps(SearchNetwork& network, const Epoch& epoch);
  void gather(const Tensor& order, const StepFeed& feed, const BatchRule& rule, std::int64_t size, Tensor& images,
              Tensor& labels) const;
  double measure(SearchNetwork& network);
  DartsGenotype genotype_by_weights();  // as it would be derived now
  DartsGenotype genotype();
  std::int64_t half() const { return train_.labels.numel() / 2; }
  std::size_t network_count() const { return parent_ ? 2 : 1; }
  SearchNetwork& network(std::size_t i) { return i == 0 ? child_ : *parent_; }
  /// Before the names of a network's tensors in checkpoints.
  static const char* prefix(std::size_t i) { return i == 0 ? "" : "parent."; }

  Stream& stream_;
  const DifferentiableConfig& config_;
  const DeviceImages& train_;
  const DeviceImages& valid_;
  std::string fingerprint_;
  const DifferentiableContext& context_;
  EpochLedger ledger_;
  CheckpointStore store_;
  SearchNetwork child_;
  std::unique_ptr<SearchNetwork> parent_;     // real twin, where scores compare with it
  std::unique_ptr<Reduction> reduction_;      // null where nothing is reduced
  Tensor weight_order_, architecture_order_;  // i32: rows of the training set as this epoch sees them
  StepFeed weight_feed_, architecture_feed_;
  std::chrono::steady_clock::time_point saved_at_ = std::chrono::steady_clock::now();

  // Progress; with the state of the networks this is the checkpoint.
  std::vector<std::string> history_;
  std::size_t decisions_ = 0;         // of the reduction's journal, in history_
  std::int64_t units_ = 0;            // finished epochs, trials included
  std::int64_t batch_ = 0;            // finished batches of the unit under way
  std::int64_t supernet_left_ = 0;    // epochs of the warm-up or refresh under way
  std::int64_t supernet_epochs_ = 0;  // finished
  std::int64_t architecture_steps_ = 0;
  std::size_t network_ = 0;             // that trains in the unit under way; those before it are done with it
  double loss_ = 0.0, accuracy_ = 0.0;  // of the child in the unit under way, once it is done with it
  std::vector<Tensor> copies_;          // copy_weights: what the network in training had before its trial
};

}  // namespace bnas::nas
