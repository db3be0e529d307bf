// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>

#include "bnas/core/error.hpp"
#include "cli/config_layers.hpp"

namespace bnas::cli {
namespace {

namespace fs = std::filesystem;

class ConfigLayers : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "bnas-config-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
    variables_["HOME"] = root_.string();
  }
  void TearDown() override { fs::remove_all(root_); }

  fs::path write(const fs::path& name, const std::string& text) const {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
    return root_ / name;
  }

  Environment environment() const {
    return [this](const char* name) {
      const auto it = variables_.find(name);
      return it == variables_.end() ? nullptr : it->second.c_str();
    };
  }

  static std::pair<const Option*, std::string> flag(const char* key, const char* text) {
    return {find_option(key), text};
  }

  std::string resume_error(const Flags& flags) const {
    std::vector<std::string> changed;
    try {
      layer_resume(root_ / "run", flags, environment(), changed);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      return error.what();
    }
    return "no error";
  }

  fs::path root_;
  std::map<std::string, std::string> variables_;
};

TEST_F(ConfigLayers, nearer_sources_win) {
  write(".config/bnas/config.toml", "epochs = 11\nseed = 12\nblocks = 2\nchildren = 13\n");
  const fs::path file = write("run.toml", "epochs = 21\nseed = 22\nblocks = 4\n");
  variables_["BNAS_EPOCHS"] = "31";
  variables_["BNAS_SEED"] = "32";
  const Layered layered = layer_config(file, {flag("epochs", "41")}, environment());
  EXPECT_EQ(layered.config.epochs, 41);
  EXPECT_EQ(layered.config.seed, 32);
  EXPECT_EQ(layered.config.blocks, 4);
  EXPECT_EQ(layered.config.children, 13);
  EXPECT_EQ(layered.config.batch_size, Config{}.batch_size);
  EXPECT_EQ(layered.origins.at("epochs"), "--epochs");
  EXPECT_EQ(layered.origins.at("seed"), "BNAS_SEED");
  EXPECT_EQ(layered.origins.at("blocks"), file.string() + ":3:1");
}

TEST_F(ConfigLayers, xdg_config_home_goes_before_home) {
  write(".config/bnas/config.toml", "epochs = 11\n");
  write("xdg/bnas/config.toml", "epochs = 12\n");
  variables_["XDG_CONFIG_HOME"] = (root_ / "xdg").string();
  EXPECT_EQ(layer_config({}, {}, environment()).config.epochs, 12);
}

TEST_F(ConfigLayers, paths_in_a_file_are_relative_to_it) {
  const fs::path file = write("sub/run.toml", "data_dir = \"../data\"\nrun_dir = \"out\"\n");
  const Config config = layer_config(file, {}, environment()).config;
  EXPECT_EQ(config.data_dir, (root_ / "data").string());
  EXPECT_EQ(config.run_dir, (root_ / "sub/out").string());
  EXPECT_EQ(layer_config({}, {flag("data_dir", "data")}, environment()).config.data_dir,
            (fs::current_path() / "data").string());
}

TEST_F(ConfigLayers, flat_space_has_defaults_of_its_own) {
  const Config flat = layer_config({}, {flag("space", "flat")}, environment()).config;
  EXPECT_EQ(flat.look_back, 1);
  EXPECT_EQ(flat.look_forward, 0);
  EXPECT_EQ(flat.combine, "concat");
}

TEST_F(ConfigLayers, lists_are_split_at_commas_and_flags_may_repeat) {
  const Config config =
      layer_config({},
                   {flag("operators", "3x3 bconv, 5x5 bconv"), flag("operators", "linear"), flag("filters", "8,16,24")},
                   environment())
          .config;
  EXPECT_THAT(config.operators, testing::ElementsAre("3x3 bconv", "5x5 bconv", "linear"));
  EXPECT_THAT(config.filters, testing::ElementsAre(8, 16, 24));
}

TEST_F(ConfigLayers, wrong_environment_and_flags_name_themselves) {
  variables_["BNAS_EPOCHS"] = "many";
  try {
    layer_config({}, {}, environment());
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "BNAS_EPOCHS: 'many' is no integer; epochs takes one");
  }
  variables_.clear();
  try {
    layer_config({}, {flag("filters", "16,x")}, environment());
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "--filters: 'x' is no integer; filters takes a list such as 16,24,32");
  }
}

TEST_F(ConfigLayers, missing_file_is_a_usage_error) {
  try {
    layer_config(root_ / "none.toml", {}, environment());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_EQ(error.what(), (root_ / "none.toml").string() + ": no such configuration file");
  }
}

TEST_F(ConfigLayers, resume_refuses_frozen_keys_with_both_values) {
  write("run/config.toml", "seed = 7\nepochs = 3\n");
  variables_["BNAS_SEED"] = "8";
  EXPECT_EQ(resume_error({flag("epochs", "4"), flag("workers", "2")}),
            (root_ / "run").string() +
                ": a run keeps what decides its results; these keys differ:\n"
                "  seed: 7 in the run, 8 from BNAS_SEED\n"
                "  epochs: 3 in the run, 4 from --epochs\n"
                "Resume without them, or start a new run with another --run-dir");
}

TEST_F(ConfigLayers, resume_takes_free_and_logged_keys_and_ignores_the_user_configuration) {
  write("run/config.toml", "seed = 7\n");
  write(".config/bnas/config.toml", "seed = 9\nepochs = 99\n");
  std::vector<std::string> changed;
  const Layered layered =
      layer_resume(root_ / "run", {flag("workers", "3"), flag("max_attempts", "5")}, environment(), changed);
  EXPECT_EQ(layered.config.seed, 7);
  EXPECT_EQ(layered.config.epochs, Config{}.epochs);
  EXPECT_EQ(layered.config.workers, 3);
  EXPECT_EQ(layered.config.max_attempts, 5);
  EXPECT_EQ(layered.config.run_dir, (root_ / "run").string());
  EXPECT_THAT(changed, testing::ElementsAre("max_attempts"));
}

TEST(Config, written_configuration_reads_back_as_itself) {
  Config config;
  config.dataset = "synthetic";
  config.operators = {"3x3 bconv", "linear"};
  config.data_dir = "/data/with \"quotes\" and \\ and \x01";
  config.lr_start = 0.1;
  config.lr_end = 1e-7;
  config.time_budget = 5400;
  config.surrogate_lr = 0.3;
  config.glorot_lr = true;
  config.filters = {1, 2, 3};
  config.run_dir = "/runs/a";
  Config read;
  Origins origins;
  read_config_text(read, origins, config_to_toml(config, true), "config.toml", "/");
  for (const Option& option : options()) {
    EXPECT_TRUE(same_value(config, read, option)) << option.key;
    EXPECT_TRUE(origins.contains(option.key)) << option.key;
  }
  EXPECT_EQ(config_to_toml(config, false).find("run_dir"), std::string::npos);
}

TEST(Config, every_key_has_its_own_names_and_a_default_in_range) {
  std::set<std::string> names;
  for (const Option& option : options()) {
    EXPECT_TRUE(names.insert(option.flag()).second) << option.key;
    EXPECT_TRUE(names.insert(option.environment()).second) << option.key;
    EXPECT_FALSE(option.help.empty()) << option.key;
    EXPECT_NO_THROW(check_value(Config{}, option, "default")) << option.key;
  }
  EXPECT_EQ(find_option("surrogate.lr_first")->flag(), "--surrogate-lr-first");
  EXPECT_EQ(find_option("surrogate.lr_first")->environment(), "BNAS_SURROGATE_LR_FIRST");
  EXPECT_NO_THROW(check_together(Config{}, {}));
}

TEST(Config, durations_read_and_write) {
  const std::pair<const char*, double> good[] = {{"0", 0},       {"90", 90},     {"90s", 90},     {"10m", 600},
                                                 {"1.5h", 5400}, {"2d", 172800}, {"1h30m", 5400}, {"0.5", 0.5}};
  for (const auto& [text, seconds] : good) {
    ASSERT_TRUE(parse_duration(text)) << text;
    EXPECT_DOUBLE_EQ(*parse_duration(text), seconds) << text;
    EXPECT_DOUBLE_EQ(*parse_duration(duration_text(seconds)), seconds) << text;
  }
  for (const char* text : {"", "m", "-5", "5 m", "5x", "nan", "inf", "1h30", "..h", "1e999"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
  EXPECT_EQ(duration_text(7200), "2h");
  EXPECT_EQ(duration_text(5400), "90m");
}

}  // namespace
}  // namespace bnas::cli
