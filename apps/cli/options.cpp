// SPDX-License-Identifier: Apache-2.0
#include "cli/options.hpp"

#include <algorithm>
#include <limits>

#include "bnas/core/error.hpp"

namespace bnas::cli {
namespace {

constexpr OnResume kFrozen = OnResume::frozen;
constexpr OnResume kLogged = OnResume::logged;
constexpr OnResume kFree = OnResume::free;

constexpr char kData[] = "Data";
constexpr char kSpace[] = "Search space";
constexpr char kStrategy[] = "Strategy";
constexpr char kSurrogate[] = "Surrogate";
constexpr char kNetwork[] = "Child network";
constexpr char kTraining[] = "Child training";
constexpr char kAlone[] = "One network alone (bnas_train)";
constexpr char kEvaluation[] = "Network of a found genotype (differentiable strategies)";
constexpr char kStyle[] = "Cells (differentiable strategies)";
constexpr char kSupernet[] = "Supernet (differentiable strategies)";
constexpr char kReduction[] = "Reduction of the supernet";
constexpr char kArchitecture[] = "Architecture parameters of the supernet";
constexpr char kRunning[] = "Running";

Option text(const char* key, std::string Config::*member, const char* group, OnResume on_resume, const char* help,
            Texts choices = {}) {
  return {key, member, group, on_resume, help, 0.0, 0.0, std::move(choices)};
}

Option path(const char* key, std::string Config::*member, const char* group, OnResume on_resume, const char* help) {
  return {key, member, group, on_resume, help, 0.0, 0.0, {}, Form::path};
}

template <class T>
Option number(const char* key, T Config::*member, const char* group, OnResume on_resume, const char* help, double min,
              double max) {
  return {key, member, group, on_resume, help, min, max};
}

Option toggle(const char* key, bool Config::*member, const char* group, OnResume on_resume, const char* help) {
  return {key, member, group, on_resume, help};
}

std::vector<Option> make_options() {
  using C = Config;
  const Texts gradients = {"ste_sign", "approx_sign", "swish_sign"};
  return {
      text("dataset", &C::dataset, kData, kFrozen, "what to learn",
           {"fashion-mnist", "mnist", "cifar-10", "cifar-100", "folder", "idx", "synthetic"}),
      path("data_dir", &C::data_dir, kData, kLogged, "where the data set is; empty: the usual places"),
      path("train_images", &C::train_images, kData, kLogged, "idx: training images, plain or .gz"),
      path("train_labels", &C::train_labels, kData, kLogged, "idx: their labels"),
      path("test_images", &C::test_images, kData, kLogged, "idx: test images"),
      path("test_labels", &C::test_labels, kData, kLogged, "idx: their labels"),
      number("idx_classes", &C::idx_classes, kData, kFrozen, "idx: number of classes", 2, 1000),
      number("image_side", &C::image_side, kData, kFrozen, "folder: pictures become squares of so many pixels", 1,
             16'384),
      number("image_channels", &C::image_channels, kData, kFrozen, "folder: 1 grey, 3 colour", 1, 3),
      path("image_cache", &C::image_cache, kData, kLogged, "folder: packed copies are kept here; empty: ~/.cache/bnas"),
      number("valid_images", &C::valid_images, kData, kFrozen, "images taken from training to choose cells by", 1,
             10'000'000),
      number("max_train_images", &C::max_train_images, kData, kFrozen, "images each child sees per epoch; 0: all", 0,
             100'000'000),
      text("split", &C::split, kData, kFrozen, "which images are for validation: drawn by the seed, or the first",
           {"shuffled", "first"}),
      number("synthetic_images", &C::synthetic_images, kData, kFrozen, "synthetic: images to make for training", 10,
             1'000'000),
      number("expand_copies", &C::expand_copies, kData, kFrozen,
             "changed copies made of each training image at the start; the first of these programs made 4", 0, 64),
      number("expand_rotation", &C::expand_rotation, kData, kFrozen, "copies: most degrees they are turned", 0, 180),
      number("expand_shift", &C::expand_shift, kData, kFrozen, "copies: most pixels they are moved", 0, 16'384),
      toggle("expand_lopsided", &C::expand_lopsided, kData, kFrozen, "copies: never the largest angle or shift"),

      text("space", &C::space, kSpace, kFrozen, "pnas: blocks read earlier blocks; flat: parallel operations",
           {"pnas", "flat"}),
      {"operators", &C::operators, kSpace, kFrozen, "operations a cell may use", 1, 64},
      number("blocks", &C::blocks, kSpace, kFrozen, "B: most blocks of a cell", 1, 8),
      number("look_back", &C::look_back, kSpace, kFrozen, "earlier cells a block may read (flat: 1)", 1, 2),
      number("look_forward", &C::look_forward, kSpace, kFrozen, "earlier blocks a block may read; -1: all (flat: 0)",
             -1, 7),
      text("combine", &C::combine, kSpace, kFrozen, "how the halves of a block meet (flat: concat)", {"add", "concat"}),

      text("strategy", &C::strategy, kStrategy, kFrozen,
           "progressive (Liu et al. 2018); random, evolution and local-search train as many; the others train one "
           "supernet, whose operations are removed by trials (bnas, Chen et al. 2020; cp-nas; abandit) or read off "
           "(pc-darts, darts)",
           {"progressive", "random", "evolution", "local-search", "bnas", "pc-darts", "darts", "cp-nas", "abandit"}),
      number("children", &C::children, kStrategy, kFrozen, "K: cells trained per level after the first", 1, 100'000),
      number("first_level_max", &C::first_level_max, kStrategy, kFrozen,
             "cells of one block: a sample of this size; 0: all", 0, 100'000),
      toggle(
          "warm_up", &C::warm_up, kStrategy, kFrozen,
          "progressive: the sample of the first level has the cells whose untrained networks tell images apart best"),
      number(
          "halving", &C::halving, kStrategy, kFrozen,
          "progressive: N: in later levels more cells train 1/N of the epochs, the best 1/N of them then all; 0: off",
          0, 16),
      number("exploration", &C::exploration, kStrategy, kFrozen, "progressive: share of each level drawn at random", 0,
             1),
      number("population", &C::population, kStrategy, kFrozen, "evolution: cells that may have children", 1, 100'000),
      number("tournament", &C::tournament, kStrategy, kFrozen, "evolution: drawn cells, the best of which has a child",
             1, 100'000),
      number("generation", &C::generation, kStrategy, kFrozen, "evolution, local-search: children chosen at a time", 1,
             100'000),
      number("seed", &C::seed, kStrategy, kFrozen, "of everything random", 0, 9e15),

      text("surrogate.kind", &C::surrogate_kind, kSurrogate, kFrozen, "what predicts the accuracy of a cell",
           {"blend", "gp", "lstm", "mlp", "lstm-ensemble", "mlp-ensemble", "ridge"}),
      text("surrogate.loss", &C::surrogate_loss, kSurrogate, kFrozen, "what it minimizes", {"l1", "mse", "pairwise"}),
      path("surrogate.from", &C::surrogate_from, kSurrogate, kFrozen,
           "an earlier run, or its surrogate.json, whose measured cells it is fitted to as well; empty: none"),
      number("surrogate.hidden", &C::surrogate_hidden, kSurrogate, kFrozen, "units per layer", 1, 4096),
      number("surrogate.embedding", &C::surrogate_embedding, kSurrogate, kFrozen, "numbers per token", 1, 4096),
      number("surrogate.epochs", &C::surrogate_epochs, kSurrogate, kFrozen, "of each fit", 1, 100'000),
      number("surrogate.lr_first", &C::surrogate_lr_first, kSurrogate, kFrozen, "learning rate on the first level",
             1e-9, 10),
      number("surrogate.lr", &C::surrogate_lr, kSurrogate, kFrozen, "learning rate afterwards", 1e-9, 10),
      number("surrogate.regularization", &C::surrogate_regularization, kSurrogate, kFrozen, "L2 on its weights", 0,
             1000),
      number("surrogate.ensemble", &C::surrogate_ensemble, kSurrogate, kFrozen, "members of an ensemble", 2, 64),

      number("cells", &C::cells, kNetwork, kFrozen, "cells stacked into a network (differentiable: 8)", 1, 64),
      number("filters", &C::filters, kNetwork, kFrozen,
             "filters of each cell; pnas: or of the first, doubled at each reduction", 1, 4096),
      number("dense", &C::dense, kNetwork, kFrozen, "units of the dense layers; the last are the classes", 1, 65'536),
      number("stem_stride", &C::stem_stride, kNetwork, kFrozen, "pnas: stride of the first convolution", 1, 4),
      text("padding", &C::padding, kNetwork, kFrozen, "what binary convolutions see outside the image",
           {"zero", "one"}),
      text("activation_gradient", &C::activation_gradient, kNetwork, kFrozen, "pseudo-gradient of activations",
           gradients),
      text("weight_gradient", &C::weight_gradient, kNetwork, kFrozen, "pseudo-gradient of weights", gradients),
      toggle("binarize_activations", &C::binarize_activations, kNetwork, kFrozen,
             "W1A1; off: activations stay real, weights alone are binary (W1A32)"),
      text("real_activation", &C::real_activation, kNetwork, kFrozen, "W1A32: what stands where signs would",
           {"relu", "identity"}),
      toggle("xnor_scale", &C::xnor_scale, kNetwork, kFrozen,
             "scale binary layers by the mean of |w| of each filter (XNOR-Net)"),
      number("dropout_input", &C::dropout_input, kNetwork, kFrozen, "before the first dense layer", 0, 0.99),
      number("dropout_hidden", &C::dropout_hidden, kNetwork, kFrozen, "before the later dense layers", 0, 0.99),
      toggle("dropout_rescale", &C::dropout_rescale, kNetwork, kFrozen, "divide what dropout leaves by 1 - rate"),
      text("bn_axis", &C::bn_axis, kNetwork, kFrozen,
           "batch norm of images: per channel, or per row as the first of these programs did by mistake",
           {"channel", "row"}),
      number("bn_momentum", &C::bn_momentum, kNetwork, kFrozen, "batch norm: weight of the running statistics", 0, 1),
      number("bn_eps", &C::bn_eps, kNetwork, kFrozen, "batch norm: added to the variance", 1e-12, 1),

      number("epochs", &C::epochs, kTraining, kFrozen, "of each child", 1, 100'000),
      number("batch_size", &C::batch_size, kTraining, kFrozen, "images per step", 1, 65'536),
      text("loss", &C::loss, kTraining, kFrozen, "what a child minimizes", {"squared_hinge", "softmax_cross_entropy"}),
      text("optimizer", &C::optimizer, kTraining, kFrozen, "rule of a step", {"amsgrad", "adam", "sgd", "bop"}),
      number("lr_start", &C::lr_start, kTraining, kFrozen, "first learning rate", 1e-9, 100),
      number("lr_end", &C::lr_end, kTraining, kFrozen, "last learning rate", 0, 100),
      text("schedule", &C::schedule, kTraining, kFrozen, "how the learning rate falls",
           {"constant", "exponential", "cosine", "linear"}),
      number("warmup_epochs", &C::warmup_epochs, kTraining, kFrozen,
             "learning rate grows from 0 over these; differentiable: L, epochs before the first removal (5 or 50)", 0,
             100'000),
      number("momentum", &C::momentum, kTraining, kFrozen, "sgd: weight of the last step", 0, 0.999999),
      toggle("nesterov", &C::nesterov, kTraining, kFrozen, "sgd: look ahead"),
      number("weight_decay", &C::weight_decay, kTraining, kFrozen, "pull of weights to 0", 0, 1),
      number("adam_eps", &C::adam_eps, kTraining, kFrozen, "adam, amsgrad: added to the divisor", 1e-12, 1),
      number("bop_gamma", &C::bop_gamma, kTraining, kFrozen, "bop: weight of the newest gradient", 0, 1),
      number("bop_threshold", &C::bop_threshold, kTraining, kFrozen, "bop: least average gradient that flips a weight",
             0, 1),
      number("grad_clip", &C::grad_clip, kTraining, kFrozen, "largest norm of all gradients; 0: any", 0, 1e9),
      number("latent_clip", &C::latent_clip, kTraining, kFrozen, "latent weights stay within +- this; 0: free", 0, 1e6),
      toggle("glorot_lr", &C::glorot_lr, kTraining, kFrozen, "scale the learning rate of binary layers by their size"),
      text("input_range", &C::input_range, kTraining, kFrozen, "what pixels 0 to 255 become", {"[-1,1]", "[-2,0]"}),
      number("augment_shift", &C::augment_shift, kTraining, kFrozen,
             "each image anew: moved by up to so many pixels (random crops of a padded image)", 0, 16'384),
      toggle("augment_flip", &C::augment_flip, kTraining, kFrozen, "each image anew: mirrored or not"),
      number("augment_cutout", &C::augment_cutout, kTraining, kFrozen,
             "each image anew: a square of this side turns grey; 0: none", 0, 16'384),
      number("augment_rotation", &C::augment_rotation, kTraining, kFrozen,
             "each image anew: turned by up to so many degrees", 0, 180),
      number("augment_crop", &C::augment_crop, kTraining, kFrozen,
             "each image anew: up to so many percent of each side cut away, the rest enlarged", 0, 90),
      number("augment_brightness", &C::augment_brightness, kTraining, kFrozen,
             "each image anew: up to so many percent brighter or darker", 0, 100),
      number("augment_contrast", &C::augment_contrast, kTraining, kFrozen,
             "each image anew: up to so many percent more or less", 0, 100),
      number("augment_saturation", &C::augment_saturation, kTraining, kFrozen,
             "each colour image anew: up to so many percent more or less", 0, 100),
      number("augment_hue", &C::augment_hue, kTraining, kFrozen,
             "each colour image anew: hues turned by up to so many percent of a turn", 0, 50),

      text("genotype", &C::genotype, kAlone, kFrozen,
           "the cell, as [-1, '3x3 bconv', 0, 'linear']; of a differentiable strategy normal[...] reduce[...], or a "
           "file with that"),
      path("weights", &C::weights, kAlone, kLogged,
           "starts from them, a latent.safetensors of the same network; empty: from random ones"),
      number("repeats", &C::repeats, kAlone, kFrozen, "trainings with other random numbers: mean and spread", 1, 1000),
      toggle("hold_out", &C::hold_out, kAlone, kFrozen,
             "choose the best epoch by validation images; off: train on them too, for the final figure"),

      text("evaluation", &C::evaluation, kEvaluation, kFrozen,
           "settings of the publications for a data set, where keys are not set; imagenet: three stride-2 convolutions "
           "before the cells, too",
           {"cifar", "imagenet"}),
      number("evaluation_cells", &C::evaluation_cells, kEvaluation, kFrozen, "of the network (imagenet 14)", 1, 64),
      number("evaluation_channels", &C::evaluation_channels, kEvaluation, kFrozen,
             "of the first cells (imagenet 64; pc-darts, darts 48)", 2, 1024),
      toggle("auxiliary", &C::auxiliary, kEvaluation, kFrozen, "a second classifier at two thirds, in training"),
      number("auxiliary_weight", &C::auxiliary_weight, kEvaluation, kFrozen, "of its loss", 0, 1000),
      number("drop_path", &C::drop_path, kEvaluation, kFrozen,
             "results of operations are dropped at a rate that grows from 0 to this (imagenet 0)", 0, 0.99),
      number("label_smoothing", &C::label_smoothing, kEvaluation, kFrozen,
             "share of the target that all classes have (imagenet 0.1)", 0, 0.99),

      number("stem_multiplier", &C::stem_multiplier, kStyle, kFrozen, "the stem has this times channels", 1, 16),
      text("op_set", &C::op_set, kStyle, kFrozen, "operations that compete on an edge",
           {"darts-separable", "dense-1bit", "group-shuffle"}),
      text("binarization", &C::binarization, kStyle, kFrozen,
           "bits of weights and activations, of search and training each (pc-darts, darts W32A32; cp-nas W1A1)",
           {"W32A32", "W1A32", "W1A1", "W32A1"}),
      text("weight_optimizer", &C::weight_optimizer, kStyle, kFrozen, "how binary weights are trained",
           {"xnor", "pcnn", "none"}),
      text("xnor_gradient", &C::xnor_gradient, kStyle, kFrozen, "xnor: how a gradient counts the amplitude",
           {"paper", "corrected", "constant"}),
      text("pcnn_form", &C::pcnn_form, kStyle, kFrozen, "pcnn: what projects a kernel", {"matrix", "scalar"}),
      number("pcnn_lambda", &C::pcnn_lambda, kStyle, kFrozen, "pcnn: weight of the projection loss", 0, 1),
      toggle("binary_preprocess", &C::binary_preprocess, kStyle, kFrozen, "the 1x1 convolutions before cells too"),
      toggle("shortcuts", &C::shortcuts, kStyle, kFrozen, "units add their input where shapes agree"),
      toggle("cell_skips", &C::cell_skips, kStyle, kFrozen, "cells add the previous cell's output"),

      number("channels", &C::channels, kSupernet, kFrozen, "of the first cells; doubled by each reduction cell", 1,
             1024),
      number("channel_ratio", &C::channel_ratio, kSupernet, kFrozen,
             "C: 1/C of the channels pass through operations (pc-darts 4, darts 1)", 1, 16),
      toggle("edge_normalization", &C::edge_normalization, kSupernet, kFrozen, "edges have weights too (darts: no)"),

      text("reduction", &C::reduction, kReduction, kFrozen,
           "which operation of an edge goes (pc-darts, darts: none ever does)",
           {"bnas", "cp-nas", "abandit", "alpha", "none"}),
      number("reduction_trials", &C::reduction_trials, kReduction, kFrozen, "T: trials of an operation in a round", 1,
             1000),
      number("reduction_epochs", &C::reduction_epochs, kReduction, kFrozen, "V: of the supernet after a removal", 0,
             1000),
      number("trial_batch_size", &C::trial_batch_size, kReduction, kFrozen, "images per step of a trial", 2, 65'536),
      toggle("copy_weights", &C::copy_weights, kReduction, kFrozen, "trials train a copy of the shared weights"),
      number("recalibration_batches", &C::recalibration_batches, kReduction, kFrozen,
             "that settle batch norms before a trial is measured", 0, 100'000),
      text("score", &C::score, kReduction, kFrozen, "what a trial is worth", {"accuracy", "parent-child", "penalized"}),
      number("score_scale", &C::score_scale, kReduction, kFrozen, "multiplies scores, fractions, before the softmax",
             1e-6, 1e6),
      toggle("try_both_at_two", &C::try_both_at_two, kReduction, kFrozen, "bnas: both of the last two are tried"),
      number("value_rate", &C::value_rate, kReduction, kFrozen, "abandit: weight of the newest accuracy", 0, 1),
      number("parent_weight", &C::parent_weight, kReduction, kFrozen, "parent-child: weight of the difference", -100,
             100),
      number("target_kilobytes", &C::target_kilobytes, kReduction, kFrozen, "penalized: free size", 0, 1e9),
      number("kilobyte_penalty", &C::kilobyte_penalty, kReduction, kFrozen, "penalized: per kilobyte beyond", 0, 1e6),
      number("target_megaops", &C::target_megaops, kReduction, kFrozen, "penalized: free operations, millions", 0, 1e9),
      number("megaop_penalty", &C::megaop_penalty, kReduction, kFrozen, "penalized: per million beyond", 0, 1e6),
      number("edges_per_node", &C::edges_per_node, kReduction, kFrozen, "that the found cell keeps; 5: all", 1, 5),
      toggle("zeroise", &C::zeroise, kReduction, kFrozen, "'none' may stay in the found cell"),
      number("zeroise_factor", &C::zeroise_factor, kReduction, kFrozen, "divides the weight of 'none'", 1e-3, 1e3),

      number("frozen_epochs", &C::frozen_epochs, kArchitecture, kFrozen, "the first train weights alone (pc-darts 15)",
             0, 100'000),
      number("arch_lr", &C::arch_lr, kArchitecture, kFrozen, "learning rate, Adam (pc-darts 6e-4, darts 3e-4)", 0, 10),
      number("arch_beta1", &C::arch_beta1, kArchitecture, kFrozen, "Adam's", 0, 0.999999),
      number("arch_beta2", &C::arch_beta2, kArchitecture, kFrozen, "Adam's", 0, 0.999999),
      number("arch_weight_decay", &C::arch_weight_decay, kArchitecture, kFrozen, "pull to 0", 0, 1),
      toggle("confident_lr", &C::confident_lr, kArchitecture, kFrozen, "arch_lr grows with the epochs"),
      number("entropy_weight", &C::entropy_weight, kArchitecture, kFrozen, "reward for undecided edges", -100, 100),
      number("entropy_decay", &C::entropy_decay, kArchitecture, kFrozen, "epochs in which it falls to 1/e", 1e-3, 1e6),
      number("temperature_start", &C::temperature_start, kArchitecture, kFrozen, "of the softmax, at first", 1e-3, 1e3),
      number("temperature_end", &C::temperature_end, kArchitecture, kFrozen, "and at last", 1e-3, 1e3),
      toggle("arch_moves_statistics", &C::arch_moves_statistics, kArchitecture, kFrozen,
             "architecture steps move running statistics"),
      toggle("arch_sees_valid", &C::arch_sees_valid, kArchitecture, kFrozen,
             "its half of the images includes those that score trials"),

      number("workers", &C::workers, kRunning, kFree, "children trained at once on a device; 0: one per core", 0, 1024),
      text("device", &C::device, kRunning, kLogged, "cpu, cuda (all GPUs), or a list: cuda:0,cuda:2"),
      text("isolation", &C::isolation, kRunning, kFree,
           "children run in worker processes, one per device, or in threads; auto: threads on the CPU",
           {"auto", "thread", "process"}),
      number("hang_seconds", &C::hang_seconds, kRunning, kFree,
             "process: a child without a step for so long, or ten of its steps, hangs", 1, 86'400),
      path("run_dir", &C::run_dir, kRunning, kFree, "where everything goes; empty: runs/DATASET-N"),
      {"time_budget",
       &C::time_budget,
       kRunning,
       kFree,
       "stop, resumable, after this: 90s, 10m, 2h; 0: never",
       0,
       1e9,
       {},
       Form::duration},
      number("max_attempts", &C::max_attempts, kRunning, kLogged, "tries of a child that fails, counting the first", 1,
             100),
      number("checkpoint_seconds", &C::checkpoint_seconds, kRunning, kFree, "between checkpoints inside an epoch", 0.1,
             86'400),
  };
}

}  // namespace

std::string Option::flag() const {
  std::string out = "--" + key;
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c == '_' || c == '.'; }, '-');
  return out;
}

std::string Option::environment() const {
  std::string out = "BNAS_" + key;
  for (char& c : out) {
    c = c == '.' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  return out;
}

std::string Option::type() const {
  if (form == Form::duration) {
    return "duration like \"90s\", \"10m\" or \"2h\"";
  }
  static constexpr const char* kNames[] = {"true or false", "integer",       "number",
                                           "text",          "list of texts", "list of integers"};
  return kNames[member.index()];
}

std::span<const Option> options() {
  static const std::vector<Option> table = make_options();
  return table;
}

bool is_used_by(const Option& option, Program program) {
  const auto is_one_of = [&](std::initializer_list<const char*> groups) {
    return std::find(groups.begin(), groups.end(), option.group) != groups.end();
  };
  if (program == Program::search) {
    return !is_one_of({kAlone, kEvaluation});
  }
  return !is_one_of({kStrategy, kSurrogate, kSupernet, kReduction, kArchitecture}) || option.key == "seed" ||
         option.key == "strategy";
}

bool is_of_supernets(const Option& option) {
  return option.group == kStyle || option.group == kSupernet || option.group == kReduction ||
         option.group == kArchitecture;
}

bool is_of_evaluation(const Option& option) { return option.group == kStyle || option.group == kEvaluation; }

const Option* find_option(std::string_view key) {
  const auto all = options();
  const auto it = std::find_if(all.begin(), all.end(), [&](const Option& option) { return option.key == key; });
  return it == all.end() ? nullptr : &*it;
}

std::string nearest_key(std::string_view key) {
  std::vector<std::string> keys;
  for (const Option& option : options()) {
    keys.push_back(option.key);
  }
  return nearest_name(key, keys.data(), keys.data() + keys.size(), 2);
}

bool same_value(const Config& a, const Config& b, const Option& option) {
  return std::visit([&](auto member) { return a.*member == b.*member; }, option.member);
}

void copy_value(const Config& from, Config& to, const Option& option) {
  std::visit([&](auto member) { to.*member = from.*member; }, option.member);
}

}  // namespace bnas::cli
