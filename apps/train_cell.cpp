// SPDX-License-Identifier: Apache-2.0
// What bnas_train trains: from runs, texts and files to one genotype.
#include "train_cell.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bnas/core/error.hpp"
#include "bnas/core/io/file.hpp"
#include "bnas/nas/differentiable/darts_genotype.hpp"
#include "bnas/nas/representation.hpp"
#include "bnas/nas/trial_store.hpp"
#include "cli/strategy_defaults.hpp"
#include "cli/terminal.hpp"
#include "run_session.hpp"

namespace bnas::cli {
namespace {

namespace fs = std::filesystem;

/// What a differentiable search found.
std::string genotype_of_search(const fs::path& run, const nas::TrialStore& store, std::optional<std::int64_t> id) {
  if (id) {
    throw Error(ErrorKind::usage, fmt::format("--trial: the trials of {} share one supernet, and none has a network of "
                                              "its own; --best trains the genotype that the search found",
                                              run.string()));
  }
  std::string genotype = store.meta("genotype");
  if (genotype.empty()) {
    throw Error(ErrorKind::missing, fmt::format("{0} has no genotype yet: its search is not over; go on with "
                                                "bnas_search resume {0}",
                                                run.string()));
  }
  return genotype;
}

/// The cell of a search's child: of number `id`, or its best one.
std::string cell_of_run(const fs::path& run, std::optional<std::int64_t> id) {
  std::error_code code;
  if (!fs::exists(run / "run.sqlite", code)) {
    throw Error(ErrorKind::missing, run.string() + " holds no run with children (no run.sqlite)");
  }
  const auto store = nas::open_sqlite_store(run / "run.sqlite", true);
  if (!store->meta("units").empty()) {
    return genotype_of_search(run, *store, id);
  }
  const std::vector<nas::Trial> trials = store->trials();
  if (!id) {
    const nas::Trial best = nas::best_trial(trials);
    if (best.id == 0) {
      throw Error(ErrorKind::missing, run.string() + " has no child that was measured; let its search go on");
    }
    return best.text;
  }
  const auto trial = std::find_if(trials.begin(), trials.end(), [&](const nas::Trial& t) { return t.id == *id; });
  if (trial == trials.end()) {
    throw Error(ErrorKind::missing,
                fmt::format("{} has children 1 to {}, but no child {}", run.string(), trials.size(), *id));
  }
  return trial->text;
}

/// `text` itself, or what the file of this name holds.
std::string text_or_file(const std::string& text) {
  constexpr std::size_t kMaxBytes = 64 * 1024;
  std::error_code code;
  if (!fs::is_regular_file(text, code)) {
    return text;
  }
  const Bytes bytes = read_file(text, kMaxBytes);
  std::string held(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  held.erase(held.find_last_not_of(" \t\r\n") + 1);
  return held;
}

/// Whether the cell is of the kind that the strategy trains.
void check_kind(const Config& config, const std::string& text) {
  const bool of_supernet = text.starts_with("normal[");
  if (of_supernet && !is_differentiable(config)) {
    throw Error(ErrorKind::usage, fmt::format("genotype: normal[...] reduce[...] is what a differentiable search "
                                              "finds, and strategy {} trains cells such as [-1, '3x3 bconv', 0, "
                                              "'linear']; add --strategy bnas, or the one that found it",
                                              config.strategy));
  }
  if (!of_supernet && is_differentiable(config)) {
    throw Error(ErrorKind::usage, fmt::format("genotype: strategy {} trains what a differentiable search finds, as "
                                              "normal[...] reduce[...] or a file such as best/genotype.txt, not '{}'; "
                                              "leave --strategy out for cells such as [-1, '3x3 bconv', 0, 'linear']",
                                              config.strategy, escaped(text.substr(0, 64))));
  }
}

}  // namespace

Config new_training(const TrainArguments& arguments) {
  fs::path run = arguments.best;
  std::optional<std::int64_t> id;
  if (!arguments.trial.empty()) {
    std::tie(run, id) = parse_trial_name(arguments.trial);
  }
  std::string cell;
  if (!run.empty()) {
    cell = cell_of_run(run, id);
  }
  Config config = layer_training(run, arguments.file, arguments.flags, environment).config;
  const std::string text = !cell.empty()               ? cell
                           : is_differentiable(config) ? text_or_file(config.genotype)
                                                       : config.genotype;
  if (arguments.representation.empty() && text.empty()) {
    throw Error(ErrorKind::usage,
                "which cell? Give --best RUN, --trial RUN#N, --genotype or --representation; see bnas_train --help");
  }
  check_kind(config, arguments.representation.empty() ? text : arguments.representation);
  if (is_differentiable(config)) {
    config.genotype = nas::DartsGenotype::parse(text).text();
    return config;
  }
  const nas::SearchSpace space = make_space(config);
  const nas::Genotype genotype =
      arguments.representation.empty() ? space.parse(text) : nas::parse_representation(arguments.representation, space);
  config.genotype = space.text(space.canonical(genotype));
  return config;
}

}  // namespace bnas::cli
