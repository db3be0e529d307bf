// SPDX-License-Identifier: Apache-2.0
// bnas_search --dry-run: what a configuration would search, and what that would cost.
#include <fmt/format.h>

#include <algorithm>

#include "bnas/nas/supervised_trainer.hpp"
#include "cli/calibration.hpp"
#include "cli/events.hpp"
#include "cli/format.hpp"
#include "cli/terminal.hpp"
#include "saved_surrogate.hpp"
#include "search_commands.hpp"
#include "search_objects.hpp"

namespace bnas::cli {
namespace {

struct Level {
  std::string raw;
  std::string unique;
  double trials = 0.0;
  double macs = 0.0;
  double seconds = 0.0;  // of all its children, one after another
};

struct Prediction {
  std::vector<Level> levels;
  double trials = 0.0;
  double seconds = 0.0;
  double memory = 0.0;
  double disk = 0.0;
};

/// Seconds as a line over multiplies: kernels follow the multiplies, everything around them does not.
struct Line {
  double intercept = 0.0;
  double slope = 0.0;

  Line(double x0, double y0, double x1, double y1) : slope(x1 > x0 ? std::max(0.0, (y1 - y0) / (x1 - x0)) : 0.0) {
    intercept = std::max(0.0, y0 - slope * x0);
  }
  /// Of a cell of `blocks` blocks: each adds operations, and with them the part that is not multiplies.
  double at(int blocks, double macs) const { return intercept * blocks + slope * macs; }
};

Prediction predict(const Config& config, SearchObjects& objects) {
  const int workers = worker_count(config);
  const int blocks = static_cast<int>(config.blocks);
  const std::vector<nas::Genotype> first = objects.space->first();
  const auto macs_of = [&](const nas::Genotype& cell) {
    const nas::NetworkCost cost = objects.task->cost(cell);
    return cost.binary_macs + cost.real_macs;
  };
  const auto [lightest, heaviest] =
      std::minmax_element(first.begin(), first.end(),
                          [&](const nas::Genotype& a, const nas::Genotype& b) { return macs_of(a) < macs_of(b); });
  const std::filesystem::path scratch = std::filesystem::temp_directory_path();
  nas::SupervisedTrainer trainer(*objects.task, objects.parts->train, objects.parts->valid, objects.devices.front());
  const Calibration measured = calibrate(trainer, *objects.space, *heaviest, scratch);
  const Calibration light = calibrate(trainer, *objects.space, *lightest, scratch);
  const Line image(light.macs, light.image_seconds, measured.macs, measured.image_seconds);
  const Line fixed(light.macs, light.fixed_seconds, measured.macs, measured.fixed_seconds);

  Prediction out;
  out.trials = static_cast<double>(objects.strategy->planned_trials());
  const auto all_first = static_cast<double>(first.size());
  const double first_level =
      config.first_level_max == 0 ? all_first : std::min(all_first, static_cast<double>(config.first_level_max));
  const double images = static_cast<double>(objects.train_images) * static_cast<double>(config.epochs);
  double largest = 0.0;
  for (int b = 1; b <= blocks; ++b) {
    const LevelCost cost = level_cost(*objects.task, *objects.space, b);
    Level level{objects.space->count_raw(b), objects.space->count_unique(b)};
    level.trials =
        b == 1 ? std::min(first_level, out.trials) : std::max(0.0, out.trials - first_level) / std::max(1, blocks - 1);
    level.macs = cost.macs;
    const double relative = measured.macs > 0.0 ? cost.macs / measured.macs : 1.0;
    // Of n rung cells 1 / n of the epochs, and all of them for the best 1 / n: together 2 / (n + 1) of all trainings.
    const double effort = b > 1 && config.halving > 0 ? 2.0 / (static_cast<double>(config.halving) + 1.0) : 1.0;
    level.seconds = effort * level.trials *
                    (images * image.at(b, cost.macs) + static_cast<double>(config.epochs) * fixed.at(b, cost.macs));
    out.disk += level.trials * measured.child_disk * cost.weights / std::max(1.0, measured.weights);
    largest = std::max(largest, relative);
    out.seconds += level.seconds / workers;
    out.levels.push_back(level);
  }
  out.memory = peak_memory() + (workers * std::max(1.0, largest) - 1.0) * measured.child_memory;
  return out;
}

void print_text(const Config& config, const SearchObjects& objects, const Prediction& prediction) {
  std::string out = fmt::format(
      "{} search over {} cells of up to {} blocks, {} operations\ndata     {} images for "
      "training/validation\n\n",
      config.strategy, config.space, config.blocks, config.operators.size(), objects.data_text);
  std::vector<std::vector<std::string>> rows = {
      {"blocks", "ordered cells", "distinct networks", "children", "MACs/image", "time"}};
  for (std::size_t i = 0; i < prediction.levels.size(); ++i) {
    const Level& level = prediction.levels[i];
    rows.push_back({std::to_string(i + 1), grouped(level.raw), grouped(level.unique),
                    fmt::format("{:.0f}", level.trials), count_text(level.macs),
                    about_text(level.seconds / worker_count(config))});
  }
  out += table_text(rows, std::vector<bool>(6, false));
  out += fmt::format(
      "\nchildren {:.0f}, {} epochs each, {} at once\ntime     about {}, by a trial training on this "
      "machine just now\nmemory   about {}\ndisk     about {}\n",
      prediction.trials, config.epochs, worker_count(config), about_text(prediction.seconds),
      bytes_text(prediction.memory), bytes_text(prediction.disk));
  std::fputs(out.c_str(), stdout);
}

void print_json(const Config& config, const Prediction& prediction) {
  Json levels = Json::array();
  for (std::size_t i = 0; i < prediction.levels.size(); ++i) {
    const Level& level = prediction.levels[i];
    levels.push_back({{"blocks", i + 1},
                      {"cells_ordered", level.raw},
                      {"cells_distinct", level.unique},
                      {"children", level.trials},
                      {"macs", level.macs},
                      {"seconds", level.seconds / worker_count(config)}});
  }
  std::puts(json_text({{"v", 1},
                       {"levels", levels},
                       {"children", prediction.trials},
                       {"workers", worker_count(config)},
                       {"seconds", prediction.seconds},
                       {"memory_bytes", prediction.memory},
                       {"disk_bytes", prediction.disk}})
                .c_str());
}

}  // namespace

int run_dry_run(const Config& config, bool json) {
  SearchObjects objects(config, earlier_surrogate(config));
  const Prediction prediction = predict(config, objects);
  if (json) {
    print_json(config, prediction);
  } else {
    print_text(config, objects, prediction);
  }
  return 0;
}

}  // namespace bnas::cli
