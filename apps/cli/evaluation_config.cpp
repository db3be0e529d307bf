// SPDX-License-Identifier: Apache-2.0
#include "cli/evaluation_config.hpp"

#include <algorithm>

#include "bnas/core/error.hpp"
#include "cli/strategy_defaults.hpp"

namespace bnas::cli {
namespace {

/// What differs between publications: those that search binary networks (Chen et al. 2020) train shorter, in smaller
/// steps and wider networks on ImageNet than those of real ones (Xu et al. 2020).
struct ImageNet {
  std::int64_t channels, batch_size;
  double lr_start;
  const char* schedule;
};

}  // namespace

void apply_evaluation_defaults(Config& config, const Origins& origins) {
  const auto set = [&](const char* key, auto Config::*member, auto value) {
    if (!origins.contains(key)) {
      config.*member = value;
    }
  };
  set("binarization", &Config::binarization,
      nas::DifferentiableConfig::preset(config.strategy).network.style.precision.text());
  set("loss", &Config::loss, "softmax_cross_entropy");
  set("optimizer", &Config::optimizer, "sgd");
  set("momentum", &Config::momentum, 0.9);
  set("lr_end", &Config::lr_end, 0.0);
  set("grad_clip", &Config::grad_clip, 5.0);
  if (config.evaluation == "cifar") {
    set("epochs", &Config::epochs, 600);
    set("batch_size", &Config::batch_size, 96);
    set("lr_start", &Config::lr_start, 0.025);
    set("schedule", &Config::schedule, "cosine");
    set("weight_decay", &Config::weight_decay, 3e-4);
    if (config.dataset.starts_with("cifar")) {
      set("augment_shift", &Config::augment_shift, 4);
      set("augment_flip", &Config::augment_flip, true);
      set("augment_cutout", &Config::augment_cutout, 16);
    }
    return;
  }
  const bool real = config.strategy == "pc-darts" || config.strategy == "darts";
  const ImageNet recipe = real ? ImageNet{48, 1024, 0.5, "linear"} : ImageNet{64, 512, 0.05, "cosine"};
  const nas::EvaluationConfig network = nas::EvaluationConfig::imagenet();
  set("evaluation_cells", &Config::evaluation_cells, network.cells);
  set("evaluation_channels", &Config::evaluation_channels, recipe.channels);
  set("drop_path", &Config::drop_path, 0.0);
  set("label_smoothing", &Config::label_smoothing, 0.1);
  set("epochs", &Config::epochs, 250);
  set("batch_size", &Config::batch_size, recipe.batch_size);
  set("lr_start", &Config::lr_start, recipe.lr_start);
  set("schedule", &Config::schedule, recipe.schedule);
  set("warmup_epochs", &Config::warmup_epochs, 5.0);
  set("weight_decay", &Config::weight_decay, 3e-5);
  set("augment_flip", &Config::augment_flip, true);
  set("augment_crop", &Config::augment_crop, 72);  // sides of 28 % and more: an area of 8 % and more
  set("augment_brightness", &Config::augment_brightness, 40);
  set("augment_contrast", &Config::augment_contrast, 40);
  set("augment_saturation", &Config::augment_saturation, 40);
  set("augment_hue", &Config::augment_hue, 20);
  set("image_side", &Config::image_side, 224);
}

bool is_kept_from_search(const Config& search, const Option& option) {
  constexpr const char* kKept[] = {"strategy", "seed", "padding", "input_range", "device"};
  if (option.key == "max_train_images" || (option.key == "image_side" && search.dataset != "folder")) {
    return false;
  }
  return option.group == "Data" || (is_of_supernets(option) && is_of_evaluation(option)) ||
         std::find(std::begin(kKept), std::end(kKept), option.key) != std::end(kKept);
}

nas::EvaluationConfig make_evaluation_config(const Config& config) {
  if (config.optimizer == "bop") {
    throw Error(ErrorKind::usage, "optimizer bop has no latent weights, which strategy " + config.strategy +
                                      " trains; choose sgd, adam or amsgrad");
  }
  nas::EvaluationConfig out;
  out.style = make_cell_style(config);
  out.cells = static_cast<int>(config.evaluation_cells);
  out.channels = static_cast<int>(config.evaluation_channels);
  out.stem_multiplier = static_cast<int>(config.stem_multiplier);
  out.large_images = config.evaluation == "imagenet";
  out.auxiliary = config.auxiliary;
  out.auxiliary_weight = static_cast<float>(config.auxiliary_weight);
  out.drop_path = static_cast<float>(config.drop_path);
  out.label_smoothing = static_cast<float>(config.label_smoothing);
  out.validate();
  return out;
}

}  // namespace bnas::cli
