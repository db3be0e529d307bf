// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <sstream>

#include "bnas/core/error.hpp"
#include "cli/arguments.hpp"
#include "cli/terminal.hpp"

namespace bnas::cli {
namespace {

std::string error_of(const std::vector<std::string>& arguments) {
  try {
    parse_search_arguments(arguments);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "no error";
}

std::string given(const SearchArguments& arguments, const char* key) {
  std::string out;
  for (const auto& [option, text] : arguments.flags) {
    out += option->key == key ? "<" + text + ">" : "";
  }
  return out;
}

TEST(Arguments, search_with_file_and_flags) {
  const SearchArguments out =
      parse_search_arguments({"run.toml", "--max-train-images", "20000", "--operators=3x3 bconv,linear", "--filters",
                              "16,24,32", "--filters", "48", "--look-forward", "-1", "-n", "--json", "-vv"});
  EXPECT_EQ(out.command, Command::search);
  EXPECT_EQ(out.target, "run.toml");
  EXPECT_EQ(given(out, "max_train_images"), "<20000>");
  EXPECT_EQ(given(out, "operators"), "<3x3 bconv,linear>");
  EXPECT_EQ(given(out, "filters"), "<16,24,32><48>");
  EXPECT_EQ(given(out, "look_forward"), "<-1>");
  EXPECT_TRUE(out.dry_run);
  EXPECT_TRUE(out.json);
  EXPECT_EQ(out.verbosity, 2);
}

TEST(Arguments, flags_before_the_file_do_not_swallow_it) {
  const SearchArguments out = parse_search_arguments({"--filters", "16,24,32", "run.toml"});
  EXPECT_EQ(out.target, "run.toml");
  EXPECT_EQ(given(out, "filters"), "<16,24,32>");
}

TEST(Arguments, booleans_have_a_negative) {
  EXPECT_EQ(given(parse_search_arguments({"--glorot-lr"}), "glorot_lr"), "<true>");
  EXPECT_EQ(given(parse_search_arguments({"--no-glorot-lr"}), "glorot_lr"), "<false>");
  EXPECT_EQ(given(parse_search_arguments({}), "glorot_lr"), "");
}

TEST(Arguments, resume_and_status_take_the_run) {
  const SearchArguments resume = parse_search_arguments({"resume", "runs/a", "--workers", "2"});
  EXPECT_EQ(resume.command, Command::resume);
  EXPECT_EQ(resume.target, "runs/a");
  EXPECT_EQ(given(resume, "workers"), "<2>");
  const SearchArguments status = parse_search_arguments({"status", "runs/a", "--json"});
  EXPECT_EQ(status.command, Command::status);
  EXPECT_TRUE(status.json);
}

TEST(Arguments, compare_takes_runs_and_files_to_draw) {
  const SearchArguments out = parse_search_arguments({"compare", "runs/a", "runs/b", "--svg", "x.svg", "--json"});
  EXPECT_EQ(out.command, Command::compare);
  EXPECT_EQ(out.runs, (std::vector<std::filesystem::path>{"runs/a", "runs/b"}));
  EXPECT_EQ(out.svg, "x.svg");
  EXPECT_EQ(out.png, "");
  EXPECT_TRUE(out.json);
  EXPECT_EQ(error_of({"compare"}), "compare needs run directories: bnas_search compare RUN RUN ...");
  EXPECT_EQ(error_of({"compare", "a", "--epochs", "3"}), "unknown flag --epochs; see bnas_search --help");
}

TEST(Arguments, mistakes_get_the_nearest_name) {
  EXPECT_EQ(error_of({"--epoch", "3"}), "unknown flag --epoch; did you mean --epochs?");
  EXPECT_EQ(error_of({"--surogate-kind=ridge"}), "unknown flag --surogate-kind; did you mean --surrogate-kind?");
  EXPECT_EQ(error_of({"--quantum"}), "unknown flag --quantum; see bnas_search --help");
  EXPECT_EQ(error_of({"resum"}), "neither a command nor a configuration file: 'resum'; did you mean resume?");
  EXPECT_EQ(error_of({"resume"}), "resume needs the run directory: bnas_search resume RUN");
  EXPECT_EQ(error_of({"a.toml", "b.toml"}), "unexpected argument 'b.toml'; see bnas_search --help");
  EXPECT_EQ(error_of({"--epochs", "1", "--epochs", "2"}), "--epochs: given 2 times; it takes one value");
  EXPECT_EQ(error_of({"-q", "-v"}), "-q and -v exclude each other");
  EXPECT_NE(error_of({"--epochs"}), "no error");
  EXPECT_NE(error_of({"status", "runs/a", "--epochs", "3"}), "no error");
}

TEST(Help, fits_80_columns_and_names_every_flag_and_default) {
  const std::string help = search_help();
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(display_width(line), 80) << line;
    EXPECT_FALSE(line.ends_with(' ')) << line;
  }
  for (const Option& option : options()) {
    EXPECT_EQ(help.find("  " + option.flag()) != std::string::npos, is_used_by(option, Program::search)) << option.key;
  }
  EXPECT_LT(help.find("Examples"), help.find("Flags"));
  EXPECT_NE(help.find("(default: 128)"), std::string::npos);
}

}  // namespace
}  // namespace bnas::cli
