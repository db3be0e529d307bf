// SPDX-License-Identifier: Apache-2.0
// From configuration to the objects of a search.
#include "search_objects.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <numeric>
#include <thread>

#include "bnas/core/backend.hpp"
#include "bnas/core/io/sha256.hpp"
#include "bnas/nas/batched_strategy.hpp"
#include "bnas/nas/cell_task.hpp"
#include "bnas/nas/differentiable/evaluation_task.hpp"
#include "bnas/nas/repeat_strategy.hpp"
#include "bnas/nas/zero_cost.hpp"
#include "cli/evaluation_config.hpp"
#include "cli/options.hpp"
#include "cli/strategy_defaults.hpp"

namespace bnas::cli {
namespace {

std::vector<int> to_ints(const Integers& values) { return {values.begin(), values.end()}; }

PseudoGradient pseudo_gradient_of(const std::string& name) {
  return name == "approx_sign"  ? PseudoGradient::approx_sign
         : name == "swish_sign" ? PseudoGradient::swish_sign
                                : PseudoGradient::ste_sign;
}

nas::Recipe make_recipe(const Config& config) {
  nas::Recipe recipe;
  recipe.loss = config.loss;
  recipe.optimizer = config.optimizer;
  recipe.schedule = {optim::parse_schedule(config.schedule), static_cast<float>(config.lr_start),
                     static_cast<float>(config.lr_end), config.warmup_epochs};
  recipe.batch_size = static_cast<int>(config.batch_size);
  recipe.weight_decay = static_cast<float>(config.weight_decay);
  recipe.adam_eps = static_cast<float>(config.adam_eps);
  recipe.momentum = static_cast<float>(config.momentum);
  recipe.nesterov = config.nesterov;
  recipe.bop_gamma = static_cast<float>(config.bop_gamma);
  recipe.bop_threshold = static_cast<float>(config.bop_threshold);
  recipe.grad_clip = static_cast<float>(config.grad_clip);
  recipe.step.latent_clip = static_cast<float>(config.latent_clip);
  recipe.step.glorot_lr = config.glorot_lr;
  recipe.batch = make_batch_rule(config);
  recipe.layers.activation = pseudo_gradient_of(config.activation_gradient);
  recipe.layers.weight = pseudo_gradient_of(config.weight_gradient);
  recipe.layers.xnor_scale = config.xnor_scale;
  recipe.layers.batch_norm = {.eps = static_cast<float>(config.bn_eps),
                              .momentum = static_cast<float>(config.bn_momentum)};
  recipe.layers.pad_value = config.padding == "one" ? PadValue::one : PadValue::zero;
  return recipe;
}

/// Of untrained networks, on the first images; on the CPU, so that it does not depend on the children's device.
nas::CellScore make_warm_up(const nas::CellTask& task, const Train& train) {
  constexpr std::int64_t kImages = 64;
  std::vector<std::int32_t> rows(static_cast<std::size_t>(std::min(kImages, train.count())));
  std::iota(rows.begin(), rows.end(), 0);
  return [&task, images = train.data().select(rows)](const nas::Genotype& cell) {
    return nas::zero_cost_score(task.plan(cell), task.config().recipe.layers,
                                {task.config().seed, 0, RandomPurpose::init}, images);
  };
}

std::unique_ptr<nas::Strategy> make_search_strategy(const Config& config, const nas::SearchSpace& space,
                                                    nas::CellScore warm_up,
                                                    const std::optional<nas::SurrogateRecord>& earlier) {
  if (!config.genotype.empty()) {
    return std::make_unique<nas::RepeatStrategy>(space.canonical(space.parse(config.genotype)),
                                                 static_cast<int>(config.repeats));
  }
  nas::StrategyConfig strategy;
  strategy.kind = config.strategy;
  strategy.blocks = static_cast<int>(config.blocks);
  strategy.children = static_cast<int>(config.children);
  strategy.first_level_max = config.first_level_max;
  strategy.warm_up = config.warm_up;
  strategy.halving = static_cast<int>(config.halving);
  strategy.exploration = config.exploration;
  strategy.seed = static_cast<std::uint64_t>(config.seed);

  strategy.population = static_cast<int>(config.population);
  strategy.tournament = static_cast<int>(config.tournament);
  strategy.generation = static_cast<int>(config.generation);
  // Surrogates are small: on the CPU their predictions do not depend on the children's device.
  const auto surrogate = surrogate_of(config);
  return nas::make_strategy(strategy, space, surrogate ? nas::make_surrogate(*surrogate, space, Device{}) : nullptr,
                            std::move(warm_up),
                            earlier ? nas::MeasuredRewards{earlier->cells, earlier->rewards} : nas::MeasuredRewards{});
}

}  // namespace

nas::SearchSpace make_space(const Config& config) {
  nas::OperationRegistry::builtin().require(config.operators);
  const int blocks = static_cast<int>(config.blocks);
  nas::SpaceConfig space = config.space == "flat" ? nas::SpaceConfig::flat(config.operators, blocks)
                                                  : nas::SpaceConfig::pnas(config.operators, blocks);
  space.look_back = static_cast<int>(config.look_back);
  space.look_forward = static_cast<int>(config.look_forward);
  space.combine = config.combine == "concat" ? nas::Combine::concat : nas::Combine::add;
  return nas::SearchSpace(space);
}

nas::NetworkConfig make_network_config(const Config& config) {
  nas::NetworkConfig out;
  out.cells = static_cast<int>(config.cells);
  out.filters = to_ints(config.filters);
  out.dense = to_ints(config.dense);
  out.stem_stride = static_cast<int>(config.stem_stride);
  out.activation = config.binarize_activations        ? nas::Activation::sign
                   : config.real_activation == "relu" ? nas::Activation::relu
                                                      : nas::Activation::identity;
  out.norm_axis = config.bn_axis == "row" ? nn::NormAxis::row : nn::NormAxis::channel;
  out.dropout_input = static_cast<float>(config.dropout_input);
  out.dropout_hidden = static_cast<float>(config.dropout_hidden);
  out.dropout_rescale = config.dropout_rescale;
  return out;
}

nas::TrainerConfig make_trainer_config(const Config& config) {
  nas::TrainerConfig out;
  out.recipe = make_recipe(config);
  out.seed = static_cast<std::uint64_t>(config.seed);
  out.run_id = run_identity(config);
  out.checkpoint_seconds = config.checkpoint_seconds;
  out.hold_out = config.hold_out || config.genotype.empty();
  out.keep_last = !config.genotype.empty();
  if (!config.weights.empty()) {
    out.start = std::make_shared<nas::SavedWeights>(nas::read_saved_weights(config.weights));
  }
  return out;
}

DataConfig make_data_config(const Config& config) {
  DataConfig out;
  out.name = config.dataset;
  out.data_dir = config.data_dir;
  out.idx = {config.train_images, config.train_labels, config.test_images, config.test_labels,
             static_cast<int>(config.idx_classes)};
  out.folder.side = static_cast<int>(config.image_side);
  out.folder.channels = static_cast<int>(config.image_channels);
  out.folder.cache_dir = config.image_cache.empty() ? cache_home() : std::filesystem::path(config.image_cache);
  out.synthetic.train_count = config.synthetic_images;
  out.synthetic.test_count = std::max<std::int64_t>(10, config.synthetic_images / 4);
  out.expand = {static_cast<int>(config.expand_copies), static_cast<int>(config.expand_rotation),
                static_cast<int>(config.expand_shift), config.expand_lopsided};
  const bool hold_out = config.hold_out || config.genotype.empty();  // a search always has images to choose by
  out.split = {hold_out ? config.valid_images : 0, config.max_train_images, parse_split_mode(config.split),
               static_cast<std::uint64_t>(config.seed)};
  return out;
}

std::optional<nas::SurrogateConfig> surrogate_of(const Config& config) {
  if (config.strategy != "progressive") {
    return std::nullopt;
  }
  nas::SurrogateConfig surrogate;
  surrogate.kind = config.surrogate_kind;
  surrogate.loss = config.surrogate_loss == "mse"        ? nas::SurrogateLoss::mse
                   : config.surrogate_loss == "pairwise" ? nas::SurrogateLoss::pairwise
                                                         : nas::SurrogateLoss::l1;
  surrogate.embedding = static_cast<int>(config.surrogate_embedding);
  surrogate.hidden = static_cast<int>(config.surrogate_hidden);
  surrogate.epochs = static_cast<int>(config.surrogate_epochs);
  surrogate.lr_first = config.surrogate_lr_first;
  surrogate.lr = config.surrogate_lr;
  surrogate.regularization = config.surrogate_regularization;
  surrogate.members = static_cast<int>(config.surrogate_ensemble);
  surrogate.seed = static_cast<std::uint64_t>(config.seed);
  return surrogate;
}

std::string run_identity(const Config& config) {
  std::string text;
  for (const Option& option : options()) {
    if (option.on_resume == OnResume::frozen) {
      text += option.key + "=" + toml_value(config, option) + "\n";
    }
  }
  Sha256 digest;
  digest.update(std::string_view(text));
  return digest.hex().substr(0, 16);
}

int worker_count(const Config& config) {
  if (config.workers > 0) {
    return static_cast<int>(config.workers);
  }
  cpu_set_t set;
  const int cores = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 0;
  return cores > 0 ? cores : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

SearchObjects::SearchObjects(const Config& config, std::optional<nas::SurrogateRecord> known)
    : registry(nas::OperationRegistry::builtin()),
      space(is_differentiable(config) ? std::nullopt : std::optional(make_space(config))),
      data(make_data_config(config)),
      devices(find_devices(config.device)),
      earlier(std::move(known)),
      parts(load_train_valid(data)),
      genotype_(config.genotype) {
  data_record = parts->record;
  train_images = parts->train.count();
  data_text = fmt::format("{} {}/{}", config.dataset, parts->train.count(), parts->valid.count());
  if (space) {
    auto cells = std::make_unique<nas::CellTask>(*space, registry, make_network_config(config),
                                                 make_trainer_config(config), parts->train, parts->valid);
    strategy = make_search_strategy(config, *space, make_warm_up(*cells, parts->train), earlier);
    task = std::move(cells);
  } else {
    task = std::make_unique<nas::EvaluationTask>(make_evaluation_config(config), nas::DartsGenotype::parse(genotype_),
                                                 make_trainer_config(config), parts->train, parts->valid);
    strategy = std::make_unique<nas::RepeatStrategy>(nas::Genotype{}, static_cast<int>(config.repeats));
  }
  std::vector<std::string> names;
  for (const Device device : devices) {
    names.push_back(device.text());
  }
  device_text = fmt::format("{}", fmt::join(names, ","));
}

}  // namespace bnas::cli
