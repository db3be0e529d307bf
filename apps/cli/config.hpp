// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bnas::cli {

using Texts = std::vector<std::string>;
using Integers = std::vector<std::int64_t>;

/// The effective configuration of a run; the initial values are the defaults. options.hpp describes every member.
struct Config {
  std::string dataset = "fashion-mnist";
  std::string data_dir;
  std::string train_images;
  std::string train_labels;
  std::string test_images;
  std::string test_labels;
  std::int64_t idx_classes = 10;
  std::int64_t image_side = 32;
  std::int64_t image_channels = 3;
  std::string image_cache;
  std::int64_t valid_images = 5000;
  std::int64_t max_train_images = 10000;
  std::string split = "shuffled";
  std::int64_t synthetic_images = 2000;
  std::int64_t expand_copies = 0;
  std::int64_t expand_rotation = 15;
  std::int64_t expand_shift = 2;
  bool expand_lopsided = false;

  std::string space = "pnas";
  Texts operators = {"3x3 bconv", "5x5 bconv", "3x3 maxpool", "linear"};
  std::int64_t blocks = 3;
  std::int64_t look_back = 2;
  std::int64_t look_forward = -1;
  std::string combine = "add";

  std::string strategy = "progressive";
  std::int64_t children = 16;
  std::int64_t first_level_max = 24;
  bool warm_up = false;
  std::int64_t halving = 0;
  double exploration = 0.0;
  std::int64_t population = 16;
  std::int64_t tournament = 4;
  std::int64_t generation = 4;
  std::int64_t seed = 1;

  std::string surrogate_kind = "blend";
  std::string surrogate_from;
  std::string surrogate_loss = "l1";
  std::int64_t surrogate_hidden = 100;
  std::int64_t surrogate_embedding = 100;
  std::int64_t surrogate_epochs = 100;
  double surrogate_lr_first = 0.01;
  double surrogate_lr = 0.002;
  double surrogate_regularization = 0.0;
  std::int64_t surrogate_ensemble = 5;

  std::int64_t cells = 3;
  Integers filters = {16, 24, 32};
  Integers dense = {32, 10};
  std::int64_t stem_stride = 1;
  std::string padding = "zero";
  std::string activation_gradient = "ste_sign";
  std::string weight_gradient = "ste_sign";
  bool binarize_activations = true;
  std::string real_activation = "relu";
  bool xnor_scale = false;
  double dropout_input = 0.0;
  double dropout_hidden = 0.0;
  bool dropout_rescale = false;
  std::string bn_axis = "channel";
  double bn_momentum = 0.9;
  double bn_eps = 1e-6;

  std::int64_t epochs = 2;
  std::int64_t batch_size = 128;
  std::string loss = "squared_hinge";
  std::string optimizer = "amsgrad";
  double lr_start = 1e-3;
  double lr_end = 1e-4;
  std::string schedule = "exponential";
  double warmup_epochs = 0.0;
  double momentum = 0.9;
  bool nesterov = false;
  double weight_decay = 0.0;
  double adam_eps = 1e-7;
  double bop_gamma = 1e-4;
  double bop_threshold = 1e-8;
  double grad_clip = 0.0;
  double latent_clip = 1.0;
  bool glorot_lr = false;
  std::string input_range = "[-1,1]";
  std::int64_t augment_shift = 0;
  bool augment_flip = false;
  std::int64_t augment_cutout = 0;
  std::int64_t augment_rotation = 0;
  std::int64_t augment_crop = 0;
  std::int64_t augment_brightness = 0;
  std::int64_t augment_contrast = 0;
  std::int64_t augment_saturation = 0;
  std::int64_t augment_hue = 0;

  std::string genotype;
  std::string weights;
  std::int64_t repeats = 1;
  bool hold_out = true;

  std::string evaluation = "cifar";
  std::int64_t evaluation_cells = 20;
  std::int64_t evaluation_channels = 36;
  bool auxiliary = true;
  double auxiliary_weight = 0.4;
  double drop_path = 0.3;
  double label_smoothing = 0.0;

  // Differentiable strategies. Where the strategy's publication has another default, strategy_defaults.cpp says so.
  std::int64_t channels = 16;
  std::int64_t channel_ratio = 2;
  std::int64_t stem_multiplier = 3;
  bool edge_normalization = true;
  std::string op_set = "darts-separable";
  std::string binarization = "W1A32";
  std::string weight_optimizer = "xnor";
  std::string xnor_gradient = "constant";
  std::string pcnn_form = "matrix";
  double pcnn_lambda = 1e-4;
  bool binary_preprocess = true;
  bool shortcuts = false;
  bool cell_skips = false;
  std::int64_t frozen_epochs = 0;
  std::string reduction = "bnas";
  std::int64_t reduction_trials = 3;
  std::int64_t reduction_epochs = 1;
  std::int64_t trial_batch_size = 400;
  bool copy_weights = false;
  std::int64_t recalibration_batches = 10;
  double score_scale = 1.0;
  bool try_both_at_two = false;
  double value_rate = 0.5;
  std::string score = "accuracy";
  double parent_weight = 2.0;
  double target_kilobytes = 0.0;
  double kilobyte_penalty = 0.0;
  double target_megaops = 0.0;
  double megaop_penalty = 0.0;
  std::int64_t edges_per_node = 2;
  bool zeroise = false;
  double zeroise_factor = 1.0;
  double arch_lr = 0.01;
  double arch_beta1 = 0.5;
  double arch_beta2 = 0.999;
  double arch_weight_decay = 1e-3;
  bool confident_lr = false;
  double entropy_weight = 0.0;
  double entropy_decay = 7.7;
  double temperature_start = 1.0;
  double temperature_end = 1.0;
  bool arch_moves_statistics = true;
  bool arch_sees_valid = true;

  std::int64_t workers = 0;
  std::string device = "cpu";
  std::string isolation = "auto";
  double hang_seconds = 60.0;
  std::string run_dir;
  double time_budget = 0.0;  ///< seconds; 0: none
  std::int64_t max_attempts = 3;
  double checkpoint_seconds = 60.0;
};

}  // namespace bnas::cli
