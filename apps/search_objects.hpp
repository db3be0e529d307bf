// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bnas/core/data/catalog.hpp"
#include "bnas/core/device.hpp"
#include "bnas/nas/network_builder.hpp"
#include "bnas/nas/operation_registry.hpp"
#include "bnas/nas/search_space.hpp"
#include "bnas/nas/strategy.hpp"
#include "bnas/nas/supervised_task.hpp"
#include "bnas/nas/surrogate_record.hpp"
#include "cli/config.hpp"

namespace bnas::cli {

/// The search, or the training alone, that a configuration describes. Making it loads the data; no device is opened.
struct SearchObjects {
  /// `known`: what `surrogate.from` names; a worker, whose strategy nobody asks, does without.
  explicit SearchObjects(const Config& config, std::optional<nas::SurrogateRecord> known = std::nullopt);
  SearchObjects(const SearchObjects&) = delete;

  nas::OperationRegistry registry;
  std::optional<nas::SearchSpace> space;  ///< none where the network of a differentiable search is trained
  DataConfig data;
  std::string data_record;  ///< which images are for training and validation, with digests
  std::string data_text;    ///< "fashion-mnist 10000/5000"
  std::int64_t train_images = 0;
  std::vector<Device> devices;
  std::string device_text;  ///< "cuda:0,cuda:1"
  std::optional<nas::SurrogateRecord> earlier;
  std::optional<TrainValid> parts;  ///< until whoever trains has them
  std::unique_ptr<nas::SupervisedTask> task;
  std::unique_ptr<nas::Strategy> strategy;

  /// How trials name what they train.
  std::string text(const nas::Genotype& cell) const { return space ? space->text(cell) : genotype_; }
  /// The cell that a training alone has; without blocks for that of a differentiable search.
  nas::Genotype given() const { return space ? space->parse(genotype_) : nas::Genotype{}; }

 private:
  std::string genotype_;  // of the configuration
};

/// What can be checked without data: the space and the names of its operations. usage Error.
nas::SearchSpace make_space(const Config& config);
DataConfig make_data_config(const Config& config);
/// Names the frozen configuration: equal for runs that must have equal results.
std::string run_identity(const Config& config);
nas::NetworkConfig make_network_config(const Config& config);
nas::TrainerConfig make_trainer_config(const Config& config);
/// The surrogate that the strategy asks; nothing for a strategy without.
std::optional<nas::SurrogateConfig> surrogate_of(const Config& config);
/// Children that train at once on one device: `workers`, or one per core that this process may use.
int worker_count(const Config& config);

}  // namespace bnas::cli
