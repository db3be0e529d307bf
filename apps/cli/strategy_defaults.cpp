// SPDX-License-Identifier: Apache-2.0
#include "cli/strategy_defaults.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bnas/core/error.hpp"
#include "cli/evaluation_config.hpp"

namespace bnas::cli {
namespace {

constexpr const char* kDifferentiable[] = {"bnas", "pc-darts", "darts", "cp-nas", "abandit"};

/// Keys that a differentiable search reads besides those of its own groups and of the data.
constexpr const char* kSearched[] = {"strategy",
                                     "seed",
                                     "cells",
                                     "padding",
                                     "batch_size",
                                     "lr_start",
                                     "lr_end",
                                     "device",
                                     "schedule",
                                     "momentum",
                                     "warmup_epochs",
                                     "grad_clip",
                                     "weight_decay",
                                     "run_dir",
                                     "isolation",
                                     "time_budget",
                                     "checkpoint_seconds",
                                     "input_range",
                                     "augment_shift",
                                     "augment_flip",
                                     "augment_cutout",
                                     "augment_rotation",
                                     "augment_crop",
                                     "augment_brightness",
                                     "augment_contrast",
                                     "augment_saturation",
                                     "augment_hue"};

/// The same of a training of what it found, which has the keys of child trainings.
constexpr const char* kTrained[] = {"strategy", "seed", "padding", "genotype", "weights", "repeats", "hold_out"};
constexpr const char* kUntrained[] = {"loss", "bop_gamma", "bop_threshold"};

template <std::size_t N>
bool is_among(const Option& option, const char* const (&keys)[N]) {
  return std::find(std::begin(keys), std::end(keys), option.key) != std::end(keys);
}

bool reads(const Config& config, const Option& option, Program program) {
  if (!is_differentiable(config)) {
    return !is_of_supernets(option) && !is_of_evaluation(option);
  }
  if (program == Program::search) {
    return is_of_supernets(option) || option.group == "Data" || is_among(option, kSearched);
  }
  const bool of_children = option.group == "Data" || option.group == "Child training" || option.group == "Running";
  return is_of_evaluation(option) || (of_children && !is_among(option, kUntrained)) || is_among(option, kTrained);
}

/// Files are for both programs.
bool may_be_in_files(const Config& config, const Option& option, Program program) {
  return reads(config, option, program) || (is_differentiable(config) && is_of_evaluation(option)) ||
         (program == Program::train && reads(config, option, Program::search));
}

bool has_trials(const Config& c) { return c.reduction != "none" && c.reduction != "alpha"; }
bool has_binary_weights(const Config& c) { return c.binarization.starts_with("W1"); }
bool has_pcnn(const Config& c) { return has_binary_weights(c) && c.weight_optimizer == "pcnn"; }
bool is_penalized(const Config& c) { return has_trials(c) && c.score == "penalized"; }

/// A key of differentiable strategies that counts together with others alone.
struct Condition {
  const char* key;
  const char* text;
  bool (*holds)(const Config&);
};

constexpr Condition kConditions[] = {
    {"weight_optimizer", "binary weights (binarization)", has_binary_weights},
    {"binary_preprocess", "binary weights (binarization)", has_binary_weights},
    {"xnor_gradient", "weight_optimizer xnor", [](const Config& c) { return c.weight_optimizer == "xnor"; }},
    {"pcnn_form", "weight_optimizer pcnn", has_pcnn},
    {"pcnn_lambda", "weight_optimizer pcnn", has_pcnn},
    {"reduction_trials", "a reduction by trials", has_trials},
    {"copy_weights", "a reduction by trials", has_trials},
    {"score_scale", "a reduction by trials", has_trials},
    {"reduction_epochs", "a reduction", [](const Config& c) { return c.reduction != "none"; }},
    {"try_both_at_two", "reduction bnas", [](const Config& c) { return c.reduction == "bnas"; }},
    {"value_rate", "reduction abandit", [](const Config& c) { return c.reduction == "abandit"; }},
    {"parent_weight", "score parent-child", [](const Config& c) { return has_trials(c) && c.score == "parent-child"; }},
    {"target_kilobytes", "score penalized", is_penalized},
    {"kilobyte_penalty", "score penalized", is_penalized},
    {"target_megaops", "score penalized", is_penalized},
    {"megaop_penalty", "score penalized", is_penalized},
    {"zeroise_factor", "zeroise and without a reduction",
     [](const Config& c) { return c.zeroise && c.reduction == "none"; }},
    {"entropy_decay", "an entropy_weight", [](const Config& c) { return c.entropy_weight != 0.0; }},
};

/// What the key would need to count, empty where it does.
std::string missing_condition(const Config& config, const Option& option) {
  for (const Condition& condition : kConditions) {
    if (option.key == condition.key && is_differentiable(config) && !condition.holds(config)) {
      return condition.text;
    }
  }
  return "";
}

}  // namespace

bool is_differentiable(const Config& config) {
  return std::find(std::begin(kDifferentiable), std::end(kDifferentiable), config.strategy) !=
         std::end(kDifferentiable);
}

void require_children(const std::filesystem::path& run) {
  std::error_code code;
  if (!std::filesystem::exists(run / "config.toml", code)) {
    return;
  }
  Config config;
  Origins origins;
  read_config_file(config, origins, run / "config.toml");
  if (is_differentiable(config) && config.genotype.empty()) {
    throw Error(ErrorKind::usage,
                fmt::format("{}: strategy {} trains one supernet and no children; leave it out, or train what it found "
                            "(bnas_train --best {})",
                            run.string(), config.strategy, run.string()));
  }
}

void apply_strategy_defaults(Config& config, const Origins& origins, Program program) {
  if (!is_differentiable(config)) {
    return;
  }
  if (program == Program::train) {
    return apply_evaluation_defaults(config, origins);
  }
  const nas::DifferentiableConfig preset = nas::DifferentiableConfig::preset(config.strategy);
  const auto set = [&](const char* key, auto Config::*member, auto value) {
    if (!origins.contains(key)) {
      config.*member = value;
    }
  };
  const auto decimal = [](float x) { return std::stod(fmt::format("{}", x)); };  // 0.1F is meant to be 0.1
  set("cells", &Config::cells, preset.network.cells);
  set("warmup_epochs", &Config::warmup_epochs, preset.warmup_epochs);
  set("batch_size", &Config::batch_size, preset.batch_size);
  set("lr_start", &Config::lr_start, decimal(preset.schedule.lr_start));
  set("lr_end", &Config::lr_end, decimal(preset.schedule.lr_end));
  set("schedule", &Config::schedule, optim::schedule_name(preset.schedule.kind));
  set("momentum", &Config::momentum, decimal(preset.momentum));
  set("weight_decay", &Config::weight_decay, decimal(preset.weight_decay));
  set("grad_clip", &Config::grad_clip, decimal(preset.grad_clip));
  set("channel_ratio", &Config::channel_ratio, preset.network.channel_ratio);
  set("edge_normalization", &Config::edge_normalization, preset.network.edge_weights);
  set("binarization", &Config::binarization, preset.network.style.precision.text());
  set("frozen_epochs", &Config::frozen_epochs, preset.frozen_epochs);
  set("reduction", &Config::reduction, preset.reduces ? reduction_method_name(preset.reduction.method) : "none");
  set("score", &Config::score, score_method_name(preset.score.method));
  if (config.dataset.starts_with("cifar")) {  // what the publications augment
    set("augment_shift", &Config::augment_shift, preset.batch.augment.shift);
    set("augment_flip", &Config::augment_flip, preset.batch.augment.flip);
  }
  set("arch_lr", &Config::arch_lr, decimal(preset.arch_lr));
}

void refuse_idle_keys(const Config& config, const Origins& origins, const std::filesystem::path& file,
                      Program program) {
  const std::string in_file = file.string() + ":";
  const Config defaults;
  for (const Option& option : options()) {
    const auto origin = origins.find(option.key);
    if (origin == origins.end()) {
      continue;
    }
    const bool is_read = reads(config, option, program);
    const std::string missing = is_read ? missing_condition(config, option) : "";
    if (is_read && missing.empty()) {
      continue;
    }
    const bool set_in_file = !file.empty() && origin->second.starts_with(in_file) &&
                             (is_read || !may_be_in_files(config, option, program)) &&
                             !same_value(config, defaults, option);
    if (!missing.empty() && (set_in_file || origin->second.starts_with("--"))) {
      throw Error(ErrorKind::usage, fmt::format("{}: {} counts only with {}; leave it out, or choose that",
                                                origin->second, option.key, missing));
    }
    if (set_in_file || origin->second.starts_with("--")) {
      throw Error(ErrorKind::usage, fmt::format("{}: strategy {} does not read {}; leave it out, or choose "
                                                "another strategy",
                                                origin->second, config.strategy, option.key));
    }
  }
}

BatchRule make_batch_rule(const Config& config) {
  return {.augment = {.shift = static_cast<std::int32_t>(config.augment_shift),
                      .flip = config.augment_flip,
                      .cutout = static_cast<std::int32_t>(config.augment_cutout),
                      .rotation = static_cast<std::int32_t>(config.augment_rotation),
                      .crop = static_cast<std::int32_t>(config.augment_crop),
                      .brightness = static_cast<std::int32_t>(config.augment_brightness),
                      .contrast = static_cast<std::int32_t>(config.augment_contrast),
                      .saturation = static_cast<std::int32_t>(config.augment_saturation),
                      .hue = static_cast<std::int32_t>(config.augment_hue)},
          .offset = config.input_range == "[-2,0]" ? 2.0F : 1.0F};
}

nas::CellStyle make_cell_style(const Config& config) {
  nas::CellStyle style;
  style.operations = nas::parse_operation_set(config.op_set);
  style.precision = nas::Precision::parse(config.binarization);
  style.weights.method = nas::parse_weight_method(config.weight_optimizer);
  style.weights.gradient = nas::parse_xnor_gradient(config.xnor_gradient);
  style.weights.form = nas::parse_pcnn_form(config.pcnn_form);
  style.weights.projection.lambda = static_cast<float>(config.pcnn_lambda);
  style.weights.projection.eta = static_cast<float>(config.lr_start);
  style.weights.amplitude.lambda = static_cast<float>(config.pcnn_lambda);
  style.binary_preprocess = config.binary_preprocess;
  style.shortcuts = config.shortcuts;
  style.cell_skips = config.cell_skips;
  style.pad = config.padding == "one" ? PadValue::one : PadValue::zero;
  return style;
}

nas::DifferentiableConfig make_differentiable_config(const Config& config) {
  if (config.warmup_epochs != std::floor(config.warmup_epochs)) {
    throw Error(ErrorKind::usage, fmt::format("warmup_epochs is {}; strategy {} needs a whole number of epochs",
                                              config.warmup_epochs, config.strategy));
  }
  nas::DifferentiableConfig out;
  out.network.style = make_cell_style(config);
  out.network.cells = static_cast<int>(config.cells);
  out.network.channels = static_cast<int>(config.channels);
  out.network.stem_multiplier = static_cast<int>(config.stem_multiplier);
  out.network.channel_ratio = static_cast<int>(config.channel_ratio);
  out.network.edge_weights = config.edge_normalization;

  out.reduces = config.reduction != "none";
  if (out.reduces) {
    out.reduction.method = nas::parse_reduction_method(config.reduction);
  }
  out.reduction.passes = static_cast<int>(config.reduction_trials);
  out.reduction.score_scale = config.score_scale;
  out.reduction.try_both_at_two = config.try_both_at_two;
  out.reduction.value_rate = config.value_rate;
  out.reduction.seed = static_cast<std::uint64_t>(config.seed);
  out.score.method = nas::parse_score_method(config.score);
  out.score.parent_weight = config.parent_weight;
  out.score.target_kilobytes = config.target_kilobytes;
  out.score.kilobyte_penalty = config.kilobyte_penalty;
  out.score.target_megaops = config.target_megaops;
  out.score.megaop_penalty = config.megaop_penalty;
  out.derivation = {static_cast<int>(config.edges_per_node), config.zeroise, config.zeroise_factor};

  out.warmup_epochs = static_cast<int>(config.warmup_epochs);
  out.frozen_epochs = static_cast<int>(config.frozen_epochs);
  out.refresh_epochs = static_cast<int>(config.reduction_epochs);
  out.batch_size = static_cast<int>(config.batch_size);
  out.trial_batch_size = static_cast<int>(config.trial_batch_size);
  out.batch = make_batch_rule(config);
  out.copy_weights = config.copy_weights;
  out.recalibration_batches = static_cast<int>(config.recalibration_batches);
  out.schedule = {optim::parse_schedule(config.schedule), static_cast<float>(config.lr_start),
                  static_cast<float>(config.lr_end), 0.0};
  out.momentum = static_cast<float>(config.momentum);
  out.weight_decay = static_cast<float>(config.weight_decay);
  out.grad_clip = static_cast<float>(config.grad_clip);
  out.arch_lr = static_cast<float>(config.arch_lr);
  out.arch_beta1 = static_cast<float>(config.arch_beta1);
  out.arch_beta2 = static_cast<float>(config.arch_beta2);
  out.arch_weight_decay = static_cast<float>(config.arch_weight_decay);
  out.confident_lr = config.confident_lr;
  out.entropy_weight = static_cast<float>(config.entropy_weight);
  out.entropy_decay = static_cast<float>(config.entropy_decay);
  out.temperature_start = static_cast<float>(config.temperature_start);
  out.temperature_end = static_cast<float>(config.temperature_end);
  out.architecture_moves_statistics = config.arch_moves_statistics;
  out.architecture_sees_valid = config.arch_sees_valid;
  out.seed = static_cast<std::uint64_t>(config.seed);
  out.validate();
  return out;
}

}  // namespace bnas::cli
