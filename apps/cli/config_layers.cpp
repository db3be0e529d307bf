// SPDX-License-Identifier: Apache-2.0
#include "cli/config_layers.hpp"

#include <fmt/format.h>

#include "bnas/core/error.hpp"
#include "cli/evaluation_config.hpp"
#include "cli/strategy_defaults.hpp"

namespace bnas::cli {
namespace {

namespace fs = std::filesystem;

void apply_environment(Layered& layered, const Environment& environment) {
  for (const Option& option : options()) {
    const std::string name = option.environment();
    if (const char* text = environment(name.c_str()); text != nullptr && *text != '\0') {
      set_from_text(layered.config, option, text, name);
      layered.origins[option.key] = name;
    }
  }
}

void apply_flags(Layered& layered, const Flags& flags) {
  for (const Option& option : options()) {
    std::string text;
    bool given = false;
    for (const auto& [flag, value] : flags) {
      if (flag == &option) {
        text = given && option.is_list() ? text + "," + value : value;
        given = true;
      }
    }
    if (given) {
      set_from_text(layered.config, option, text, option.flag());
      layered.origins[option.key] = option.flag();
    }
  }
}

void apply_space_defaults(Layered& layered) {
  if (layered.config.space != "flat") {
    return;
  }
  if (!layered.origins.contains("look_back")) layered.config.look_back = 1;
  if (!layered.origins.contains("look_forward")) layered.config.look_forward = 0;
  if (!layered.origins.contains("combine")) layered.config.combine = "concat";
}

/// Paths are kept absolute, so that a run can be resumed from another folder.
void make_paths_absolute(Config& config) {
  for (const Option& option : options()) {
    if (option.form == Form::path && option.key != "run_dir") {
      std::string& path = config.*std::get<std::string Config::*>(option.member);
      if (!path.empty()) {
        path = fs::absolute(path).lexically_normal();
      }
    }
  }
}

std::string where(const Origins& origins, const std::string& key) {
  const auto it = origins.find(key);
  return it == origins.end() ? "configuration" : it->second;
}

[[noreturn]] void refuse(const Origins& origins, const char* key, const std::string& what) {
  throw Error(ErrorKind::usage, where(origins, key) + ": " + what);
}

void check_data(const Config& config, const Origins& origins) {
  if (config.dataset == "folder" && config.data_dir.empty()) {
    refuse(origins, "data_dir",
           "data_dir is missing; dataset folder needs the folder that holds train/CLASS/ and test/CLASS/");
  }
  if (config.dataset == "idx") {
    for (const char* key : {"train_images", "train_labels", "test_images", "test_labels"}) {
      if ((config.*std::get<std::string Config::*>(find_option(key)->member)).empty()) {
        refuse(origins, key,
               fmt::format("{} is missing; dataset idx needs train_images, train_labels, test_images and "
                           "test_labels",
                           key));
      }
    }
  }
}

}  // namespace

fs::path user_config_path(const Environment& environment) {
  if (const char* xdg = environment("XDG_CONFIG_HOME"); xdg != nullptr && *xdg == '/') {
    return fs::path(xdg) / "bnas" / "config.toml";
  }
  if (const char* home = environment("HOME"); home != nullptr && *home == '/') {
    return fs::path(home) / ".config" / "bnas" / "config.toml";
  }
  return {};
}

namespace {

void read_user_config(Layered& layered, const Environment& environment) {
  std::error_code code;
  if (const fs::path user = user_config_path(environment); !user.empty() && fs::exists(user, code)) {
    read_config_file(layered.config, layered.origins, user);
  }
}

/// File, environment and flags on what is there already.
Layered finish_layers(Layered layered, const fs::path& file, const Flags& flags, const Environment& environment,
                      Program program) {
  if (!file.empty()) {
    read_config_file(layered.config, layered.origins, file);
  }
  apply_environment(layered, environment);
  apply_flags(layered, flags);
  apply_space_defaults(layered);
  apply_strategy_defaults(layered.config, layered.origins, program);
  refuse_idle_keys(layered.config, layered.origins, file, program);
  make_paths_absolute(layered.config);
  check_together(layered.config, layered.origins, program);
  return layered;
}

}  // namespace

Layered layer_config(const fs::path& file, const Flags& flags, const Environment& environment) {
  Layered layered;
  read_user_config(layered, environment);
  return finish_layers(std::move(layered), file, flags, environment, Program::search);
}

Config training_defaults() {
  Config config;
  config.epochs = 200;
  config.max_train_images = 0;
  return config;
}

Layered layer_training(const fs::path& run, const fs::path& file, const Flags& flags, const Environment& environment) {
  Layered layered{training_defaults(), {}};
  if (run.empty()) {
    read_user_config(layered, environment);
  } else {
    read_config_file(layered.config, layered.origins, run / "config.toml");
    const Config defaults = training_defaults();
    const Config search = layered.config;
    for (const Option& option : options()) {
      const bool of_running = option.on_resume == OnResume::free;
      const bool kept = is_differentiable(search)
                            ? is_kept_from_search(search, option)
                            : option.key != "epochs" && option.key != "max_train_images" && option.key != "weights";
      if (of_running || !kept) {
        copy_value(defaults, layered.config, option);
        layered.origins.erase(option.key);
      }
    }
  }
  return finish_layers(std::move(layered), file, flags, environment, Program::train);
}

Layered layer_resume(const fs::path& run, const Flags& flags, const Environment& environment,
                     std::vector<std::string>& changed) {
  Layered frozen;
  read_config_file(frozen.config, frozen.origins, run / "config.toml");
  frozen.config.run_dir = run;
  Layered layered = frozen;
  apply_environment(layered, environment);
  apply_flags(layered, flags);
  make_paths_absolute(layered.config);
  layered.config.run_dir = run;
  std::string refused;
  for (const Option& option : options()) {
    if (same_value(frozen.config, layered.config, option)) {
      continue;
    }
    if (option.on_resume == OnResume::frozen) {
      refused += fmt::format("\n  {}: {} in the run, {} from {}", option.key, toml_value(frozen.config, option),
                             toml_value(layered.config, option), layered.origins[option.key]);
    } else if (option.on_resume == OnResume::logged) {
      changed.push_back(option.key);
    }
  }
  if (!refused.empty()) {
    throw Error(ErrorKind::usage, fmt::format("{}: a run keeps what decides its results; these keys differ:{}\n"
                                              "Resume without them, or start a new run with another --run-dir",
                                              run.string(), refused));
  }
  check_together(layered.config, layered.origins, layered.config.genotype.empty() ? Program::search : Program::train);
  return layered;
}

void check_together(const Config& config, const Origins& origins, Program program) {
  if (is_differentiable(config) && program == Program::search) {
    make_differentiable_config(config);
    return check_data(config, origins);
  }
  if (config.lr_end > config.lr_start) {
    refuse(
        origins, origins.contains("lr_end") ? "lr_end" : "lr_start",
        fmt::format("lr_end {} is above lr_start {}; the learning rate can only fall", config.lr_end, config.lr_start));
  }
  if (is_differentiable(config)) {
    make_evaluation_config(config);
    return check_data(config, origins);
  }
  const bool one_filter = config.space == "pnas" && config.filters.size() == 1;
  if (!one_filter && static_cast<std::int64_t>(config.filters.size()) != config.cells) {
    refuse(origins, origins.contains("filters") ? "filters" : "cells",
           fmt::format("filters has {} entries for {} cells; give one number per cell{}", config.filters.size(),
                       config.cells, config.space == "pnas" ? ", or one for the first" : ""));
  }
  if (config.halving == 1 || config.halving > config.epochs) {
    refuse(
        origins, "halving",
        fmt::format("halving {} needs at least 2, and as many epochs (epochs is {})", config.halving, config.epochs));
  }
  if (!config.surrogate_from.empty() && config.strategy != "progressive") {
    refuse(origins, "surrogate.from", fmt::format("strategy {} asks no surrogate; leave it out", config.strategy));
  }
  if (config.tournament > config.population) {
    refuse(origins, origins.contains("tournament") ? "tournament" : "population",
           fmt::format("tournament {} is above population {}; it draws from the population", config.tournament,
                       config.population));
  }
  if (config.space == "flat" && (config.look_back != 1 || config.look_forward != 0 || config.combine != "concat")) {
    const char* key = config.look_back != 1 ? "look_back" : config.look_forward != 0 ? "look_forward" : "combine";
    refuse(origins, key,
           "the flat space reads the cell's input only and concatenates (look_back 1, look_forward 0, combine "
           "concat); leave these keys out or use space pnas");
  }
  check_data(config, origins);
}

}  // namespace bnas::cli
