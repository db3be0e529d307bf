// SPDX-License-Identifier: Apache-2.0
// Golden messages: what a person reads for a wrong configuration file.
#include <gtest/gtest.h>

#include "bnas/core/error.hpp"
#include "cli/config_layers.hpp"

namespace bnas::cli {
namespace {

struct Case {
  const char* name;
  const char* text;
  const char* message;
};

std::string error_of(std::string_view text) {
  Config config;
  Origins origins;
  try {
    read_config_text(config, origins, text, "run.toml", "/conf");
    check_together(config, origins);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "no error";
}

class ConfigErrors : public testing::TestWithParam<Case> {};

TEST_P(ConfigErrors, message) { EXPECT_EQ(error_of(GetParam().text), GetParam().message); }

const Case kCases[] = {
    {"misspelt", "epoch = 3", "run.toml:1:1: unknown key 'epoch'; did you mean 'epochs'?"},
    {"misspelt_later", "\n\nblocks = 2\nchildrens = 3\n",
     "run.toml:4:1: unknown key 'childrens'; did you mean 'children'?"},
    {"unknown", "quantum = 1", "run.toml:1:1: unknown key 'quantum'; bnas_search --help lists all keys"},
    {"flag_spelling", "max-train-images = 1",
     "run.toml:1:1: unknown key 'max-train-images'; did you mean 'max_train_images'?"},
    {"misspelt_in_table", "[surrogate]\nhiden = 3",
     "run.toml:2:1: unknown key 'surrogate.hiden'; did you mean 'surrogate.hidden'?"},
    {"unknown_table", "[optimizers]\nx = 1", "run.toml:1:2: unknown key 'optimizers'; did you mean 'optimizer'?"},
    {"key_of_a_table", "embedding = 3", "run.toml:1:1: unknown key 'embedding'; did you mean 'surrogate.embedding'?"},
    {"key_in_a_table", "[surrogate]\nblocks = 3",
     "run.toml:2:1: unknown key 'surrogate.blocks'; did you mean 'blocks'?"},
    {"nested_table", "[surrogate.lstm]\nx = 3",
     "run.toml:1:12: unknown key 'surrogate.lstm'; bnas_search --help lists all keys"},
    {"value_for_table", "surrogate = 3", "run.toml:1:1: unknown key 'surrogate'; did you mean the table [surrogate]?"},
    {"table_for_value", "[epochs]\nx = 1", "run.toml:1:2: epochs is a table, expected integer"},
    {"text_for_integer", "epochs = \"3\"", "run.toml:1:1: epochs is text in quotes, expected integer"},
    {"real_for_integer", "epochs = 3.0", "run.toml:1:1: epochs is a number, expected integer"},
    {"integer_for_text", "dataset = 3", "run.toml:1:1: dataset is an integer, expected text"},
    {"boolean_for_integer", "blocks = true", "run.toml:1:1: blocks is true or false, expected integer"},
    {"integer_for_boolean", "glorot_lr = 1", "run.toml:1:1: glorot_lr is an integer, expected true or false"},
    {"text_for_real", "lr_start = \"fast\"", "run.toml:1:1: lr_start is text in quotes, expected number"},
    {"date_for_integer", "seed = 2026-11-22", "run.toml:1:1: seed is a date or time, expected integer"},
    {"integer_for_list", "filters = 16", "run.toml:1:1: filters is an integer, expected list of integers"},
    {"text_for_list", "operators = \"linear\"", "run.toml:1:1: operators is text in quotes, expected list of texts"},
    {"mixed_list", "operators = [\"linear\", 3]", "run.toml:1:24: operators is an integer, expected list of texts"},
    {"nested_list", "filters = [[16]]", "run.toml:1:12: filters is a list, expected list of integers"},
    {"empty_list", "operators = []", "run.toml:1:1: operators has 0 entries; it may have 1 to 64"},
    {"empty_entry", "operators = [\"\"]", "run.toml:1:1: operators has an empty entry"},
    {"too_small", "blocks = 0", "run.toml:1:1: blocks is 0, which is out of range; it may be 1 to 8"},
    {"too_large", "blocks = 9", "run.toml:1:1: blocks is 9, which is out of range; it may be 1 to 8"},
    {"negative", "workers = -1", "run.toml:1:1: workers is -1, which is out of range; it may be 0 to 1024"},
    {"entry_out_of_range", "filters = [16, 0, 32]",
     "run.toml:1:1: filters is 0, which is out of range; it may be 1 to 4096"},
    {"not_a_number", "lr_start = nan", "run.toml:1:1: lr_start is nan, which is out of range; it may be 1e-09 to 100"},
    {"infinite", "lr_start = inf", "run.toml:1:1: lr_start is inf, which is out of range; it may be 1e-09 to 100"},
    {"misspelt_choice", "dataset = \"fashion_mnist\"",
     "run.toml:1:1: dataset cannot be 'fashion_mnist'; did you mean 'fashion-mnist'?; choose from fashion-mnist, "
     "mnist, cifar-10, cifar-100, folder, idx, synthetic"},
    {"unknown_choice", "space = \"darts-like\"", "run.toml:1:1: space cannot be 'darts-like'; choose from pnas, flat"},
    {"control_characters", "space = \"\\u001b[2J\"", "run.toml:1:1: space cannot be '?[2J'; choose from pnas, flat"},
    {"duration", "time_budget = \"soon\"", "run.toml:1:1: 'soon' is no duration like \"90s\", \"10m\" or \"2h\""},
    {"duration_type", "time_budget = true",
     "run.toml:1:1: time_budget is true or false, expected duration like \"90s\", \"10m\" or \"2h\""},
    {"negative_duration", "time_budget = -5",
     "run.toml:1:1: time_budget is -5, which is out of range; it may be 0 to 1000000000"},
    {"filters_and_cells", "cells = 4\nfilters = [16, 24]",
     "run.toml:2:1: filters has 2 entries for 4 cells; give one number per cell, or one for the first"},
    {"filters_flat", "space = \"flat\"\nlook_back = 1\nlook_forward = 0\ncombine = \"concat\"\nfilters = [16]",
     "run.toml:5:1: filters has 1 entries for 3 cells; give one number per cell"},
    {"rising_rate", "lr_end = 0.1",
     "run.toml:1:1: lr_end 0.1 is above lr_start 0.001; the learning rate can only fall"},
    {"flat_look_back", "space = \"flat\"\nlook_back = 2",
     "run.toml:2:1: the flat space reads the cell's input only and concatenates (look_back 1, look_forward 0, combine "
     "concat); leave these keys out or use space pnas"},
    {"idx_without_files", "dataset = \"idx\"",
     "configuration: train_images is missing; dataset idx needs train_images, train_labels, test_images and "
     "test_labels"},
    {"folder_without_place", "dataset = \"folder\"",
     "configuration: data_dir is missing; dataset folder needs the folder that holds train/CLASS/ and test/CLASS/"},
    {"deep_brackets", "filters = [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]",
     "run.toml:1: nested more than 16 deep; no configuration needs that"},
    {"deep_key", "seed = 1\na.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a = 1",
     "run.toml:2: nested more than 16 deep; no configuration needs that"},
};

INSTANTIATE_TEST_SUITE_P(Golden, ConfigErrors, testing::ValuesIn(kCases),
                         [](const auto& c) { return std::string(c.param.name); });

/// What the TOML parser itself refuses: its words are its own, the position and the hint are ours.
TEST(ConfigErrors, syntax_errors_say_where) {
  const std::pair<const char*, const char*> cases[] = {
      {"epochs = ", "run.toml:1:"},          {"epochs 3", "run.toml:1:"},         {"seed = 1\nseed = 2", "run.toml:2:"},
      {"a = \"open", "run.toml:1:"},         {"[surrogate", "run.toml:1:"},       {"x = 0x", "run.toml:1:"},
      {"dataset = \"\xff\"", "run.toml:1:"}, {"seed = 1\n\"\"\"", "run.toml:2:"},
  };
  for (const auto& [text, where] : cases) {
    const std::string message = error_of(text);
    EXPECT_TRUE(message.starts_with(where)) << message;
    EXPECT_TRUE(message.ends_with("; the format is TOML (https://toml.io)")) << message;
  }
}

TEST(ConfigErrors, oversized_text_is_refused_before_parsing) {
  const std::string text((std::size_t{1} << 20) + 1, '#');
  EXPECT_EQ(error_of(text), "run.toml: 1048577 bytes are more than the 1048576 that a configuration may have");
}

TEST(ConfigErrors, depth_bombs_end_in_an_error) {
  const std::size_t half = std::size_t{1} << 19;
  std::string dotted;
  for (std::size_t i = 0; i < half; i += 2) {
    dotted += "a.";
  }
  for (const std::string& bomb : {std::string(half, '['), "x = " + std::string(half, '['),
                                  "x = " + std::string(half, '{'), dotted + "a = 1", "[" + dotted + "a]\n"}) {
    EXPECT_EQ(error_of(bomb), "run.toml:1: nested more than 16 deep; no configuration needs that");
  }
}

TEST(ConfigErrors, brackets_and_dots_in_strings_and_comments_are_text) {
  EXPECT_EQ(error_of("# [[[[[[[[[[[[[[[[[[[[[[ a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a\n"
                     "data_dir = \"[[[[[[[[[[[[[[[[[[[[[[ \\\" a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a\"\n"
                     "run_dir = '''\n[[[[[[[[[[[[[[[[[[[[[[\n'''\n"),
            "no error");
}

TEST(ConfigErrors, every_prefix_of_a_config_ends_in_no_error_or_a_usage_error) {
  const std::string whole = config_to_toml(Config{}, true);
  for (std::size_t n = 0; n < whole.size(); n += 7) {  // 7: every kind of position is met within a few hundred
    error_of(whole.substr(0, n));                      // checks the kind; a crash fails the program
  }
}

}  // namespace
}  // namespace bnas::cli
