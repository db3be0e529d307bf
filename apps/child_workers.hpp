// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "bnas/nas/child_trainer.hpp"
#include "cli/run_directory.hpp"
#include "search_objects.hpp"

namespace bnas::cli {

/// Who trains the children of a search: threads of this process, or worker processes.
struct ChildWorkers {
  std::unique_ptr<nas::ChildTrainer> trainer;
  /// Writes the best weights of a trained child to `out`; its accuracy on the test split.
  std::function<double(const nas::Trial& trial, const std::filesystem::path& directory,
                       const std::filesystem::path& out)>
      finish;
  int at_once = 1;          ///< children
  std::string description;  ///< of the devices
};

/// As `isolation` says. Takes the data out of `objects`, which must outlive the workers. usage Error for threads on
/// several devices.
ChildWorkers make_child_workers(const Config& config, SearchObjects& objects, const RunDirectory& run);

}  // namespace bnas::cli
