// SPDX-License-Identifier: Apache-2.0
// bnas_data: which data sets are there, and whether they are whole.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "bnas/core/data/catalog.hpp"
#include "cli/events.hpp"
#include "cli/exit_code.hpp"
#include "cli/terminal.hpp"

namespace {

using namespace bnas::cli;

constexpr char kHelp[] = R"(Shows which data sets are there, and checks their files.

Examples
  bnas_data list
  bnas_data check fashion-mnist
  bnas_data check mnist --data-dir ~/data

Flags
  --data-dir PATH  where to look first
  --json           one JSON object
  -h, --help       this text

Exit codes: 0 whole, 2 usage, 65 damaged, 66 not there
)";

int list(const std::string& data_dir, bool json) {
  Json out = {{"v", 1}, {"datasets", Json::array()}};
  std::string text;
  for (const bnas::DatasetInfo& info : bnas::list_datasets(data_dir)) {
    out["datasets"].push_back({{"name", info.name},
                               {"available", info.available},
                               {"description", info.description},
                               {"directory", info.directory.string()},
                               {"how_to_get", info.how_to_get}});
    text += fmt::format("{:<14} {}\n{:<14} {}\n", info.name, info.description, info.available ? "there" : "NOT THERE",
                        info.directory.empty() ? info.how_to_get : escaped(info.directory.string()));
  }
  std::fputs((json ? json_text(out) + "\n" : text).c_str(), stdout);
  return kSuccess;
}

int check(const std::string& name, const std::string& data_dir, bool json) {
  bnas::DataConfig config;
  config.name = name;
  config.data_dir = data_dir;
  const bnas::DatasetReport report = bnas::check_dataset(config);
  Json out = {{"v", 1},
              {"name", report.name},
              {"ok", report.ok()},
              {"problem", report.problem},
              {"train_per_class", report.train_histogram},
              {"test_per_class", report.test_histogram},
              {"files", Json::array()}};
  std::string text;
  for (const bnas::DatasetFileReport& file : report.files) {
    out["files"].push_back({{"path", file.path.string()},
                            {"sha256", file.found_sha256},
                            {"expected_sha256", file.expected_sha256},
                            {"problem", file.problem}});
    text += fmt::format("{}  {}\n", file.problem.empty() ? "ok     " : "DAMAGED", escaped(file.path.string()));
    text += file.problem.empty() ? "" : "         " + escaped(file.problem) + "\n";
  }
  text += fmt::format("train    {}\ntest     {}\n", fmt::join(report.train_histogram, " "),
                      fmt::join(report.test_histogram, " "));
  text += report.problem.empty() ? "" : "problem  " + escaped(report.problem) + "\n";
  text += fmt::format("{} is {}\n", report.name, report.ok() ? "whole" : "damaged");
  std::fputs((json ? json_text(out) + "\n" : text).c_str(), stdout);
  return report.ok() ? kSuccess : kBadData;
}

}  // namespace

int main(int argc, char** argv) {
  return guarded_main("bnas_data", [&] {
    std::string command;
    std::string name;
    std::string data_dir;
    bool json = false;
    bool help = false;
    CLI::App app;
    app.set_help_flag();
    app.add_option("command", command);
    app.add_option("name", name);
    app.add_option("--data-dir", data_dir);
    app.add_flag("--json", json);
    app.add_flag("-h,--help", help);
    const auto refuse = [](const std::string& what) {
      throw bnas::Error(bnas::ErrorKind::usage, what + "; see bnas_data --help");
    };
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      refuse(error.what());
    }
    if (help) {
      std::fputs(kHelp, stdout);
      return static_cast<int>(kSuccess);
    }
    if (command == "list" && name.empty()) {
      return list(data_dir, json);
    }
    if (command != "check" || name.empty()) {
      refuse(command.empty()      ? "a command is missing"
             : command == "check" ? "check needs the name of a data set"
                                  : "unknown command '" + command + "'");
    }
    return check(name, data_dir, json);
  });
}
