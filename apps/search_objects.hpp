// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "bnas/core/data/catalog.hpp"
#include "bnas/nas/operation_registry.hpp"
#include "bnas/nas/search_space.hpp"
#include "bnas/nas/strategy.hpp"
#include "bnas/nas/supervised_trainer.hpp"
#include "cli/config.hpp"

namespace bnas::cli {

/// The search that a configuration describes. Making it loads the data.
struct SearchObjects {
  explicit SearchObjects(const Config& config);
  SearchObjects(const SearchObjects&) = delete;

  nas::OperationRegistry registry;
  nas::SearchSpace space;
  DataConfig data;
  std::string data_record;  ///< which images are for training and validation, with digests
  std::string data_text;    ///< "fashion-mnist 10000/5000"
  std::int64_t train_images = 0;
  std::unique_ptr<nas::SupervisedTrainer> trainer;
  std::unique_ptr<nas::Strategy> strategy;
};

/// What can be checked without data: the space and the names of its operations. usage Error.
nas::SearchSpace make_space(const Config& config);
DataConfig make_data_config(const Config& config);
/// Names the frozen configuration: equal for runs that must have equal results.
std::string run_identity(const Config& config);
/// Children that train at once: `workers`, or one per core that this process may use.
int worker_count(const Config& config);

}  // namespace bnas::cli
