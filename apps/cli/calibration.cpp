// SPDX-License-Identifier: Apache-2.0
#include "cli/calibration.hpp"

#include <stdlib.h>  // NOLINT(modernize-deprecated-headers): mkdtemp is not in cstdlib
#include <sys/resource.h>

#include <algorithm>
#include <chrono>

#include "bnas/core/error.hpp"
#include "bnas/core/io/file.hpp"
#include "cli/run_directory.hpp"

namespace bnas::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kFewImages = 256;
constexpr std::int64_t kMoreImages = 1280;
constexpr std::uint64_t kSampled = 16;

double weights_of(const nas::NetworkCost& cost) { return static_cast<double>(cost.binary_weights + cost.real_weights); }

class ScratchDirectory {
 public:
  explicit ScratchDirectory(const fs::path& parent) {
    std::string name = (parent / "bnas-calibration-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      throw Error(ErrorKind::io, parent.string() + ": cannot make a directory for a trial training");
    }
    path_ = name;
  }
  ~ScratchDirectory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  ScratchDirectory(const ScratchDirectory&) = delete;
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

}  // namespace

double peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return 1024.0 * static_cast<double>(usage.ru_maxrss);
}

Calibration calibrate(nas::ChildTrainer& trainer, const nas::SearchSpace& space, const nas::Genotype& cell,
                      const fs::path& scratch) {
  const ScratchDirectory directory(scratch);
  const auto seconds = [&](std::int64_t id, std::int64_t images) {
    nas::Trial trial;
    trial.id = id;
    trial.genotype = cell;
    trial.text = space.text(cell);
    trial.budget = {1, images};
    nas::ChildContext context;
    context.directory = directory.path() / std::to_string(id);
    make_directories(context.directory);
    const auto start = std::chrono::steady_clock::now();
    trainer.train(trial, context);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  Calibration out;
  const double memory = peak_memory();
  const double few = seconds(1, kFewImages);
  const double more = seconds(2, kMoreImages);
  out.image_seconds = std::max(0.0, more - few) / static_cast<double>(kMoreImages - kFewImages);
  out.fixed_seconds = std::max(0.0, few - out.image_seconds * static_cast<double>(kFewImages));
  out.child_memory = std::max(0.0, peak_memory() - memory);
  out.child_disk = directory_bytes(directory.path()) / 2.0;
  const nas::NetworkCost cost = trainer.cost(cell);
  out.macs = static_cast<double>(cost.binary_macs + cost.real_macs);
  out.weights = weights_of(cost);
  return out;
}

LevelCost level_cost(const nas::ChildTask& task, const nas::SearchSpace& space, int level) {
  std::vector<nas::Genotype> cells;
  if (level == 1) {
    cells = space.first();
  } else {
    std::uint64_t index = 0;
    while (cells.size() < kSampled) {
      cells.push_back(space.sample(level, RandomKey{}, index));
    }
  }
  LevelCost out;
  for (const nas::Genotype& cell : cells) {
    const nas::NetworkCost cost = task.cost(cell);
    const auto n = static_cast<double>(cells.size());
    out.macs += static_cast<double>(cost.binary_macs + cost.real_macs) / n;
    out.weights += weights_of(cost) / n;
    out.largest_weights = std::max(out.largest_weights, weights_of(cost));
  }
  return out;
}

}  // namespace bnas::cli
