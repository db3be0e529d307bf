// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/nas/child_task.hpp"
#include "bnas/nas/child_trainer.hpp"
#include "bnas/nas/search_space.hpp"

namespace bnas::cli {

/// What one child costs on this machine, measured by really training two tiny ones.
struct Calibration {
  double image_seconds = 0.0;  ///< per training image, of the measured cell
  double fixed_seconds = 0.0;  ///< set-up and one validation, of the same cell
  double macs = 0.0;           ///< multiplies per image of the measured cell
  double child_memory = 0.0;   ///< growth of the process, bytes
  double child_disk = 0.0;     ///< bytes in a child's directory
  double weights = 0.0;        ///< of the measured cell
};

/// Trains the cell on few images in a temporary directory below `scratch`, which it removes.
Calibration calibrate(nas::ChildTrainer& trainer, const nas::SearchSpace& space, const nas::Genotype& cell,
                      const std::filesystem::path& scratch);

/// Most memory that this process has had so far, bytes.
double peak_memory();

/// Mean cost of cells of one level: all one-block cells, or a fixed sample of larger ones.
struct LevelCost {
  double macs = 0.0;
  double weights = 0.0;
  double largest_weights = 0.0;
};
LevelCost level_cost(const nas::ChildTask& task, const nas::SearchSpace& space, int level);

}  // namespace bnas::cli
