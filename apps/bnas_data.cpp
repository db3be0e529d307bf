// SPDX-License-Identifier: Apache-2.0
// bnas_data: which data sets are there, whether they are whole, and how to get them.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "bnas/core/data/catalog.hpp"
#include "bnas/core/data/published_sets.hpp"
#include "cli/download.hpp"
#include "cli/events.hpp"
#include "cli/exit_code.hpp"
#include "cli/fetch.hpp"
#include "cli/format.hpp"
#include "cli/terminal.hpp"

namespace {

using namespace bnas::cli;

constexpr char kHelp[] = R"(Shows which data sets are there, checks their files, and fetches published ones.

Examples
  bnas_data list
  bnas_data check fashion-mnist
  bnas_data check mnist --data-dir ~/data
  bnas_data check folder --data-dir ~/pictures   (train/CLASS/, test/CLASS/)
  bnas_data fetch cifar-10

Fetching asks several mirrors and takes nothing but the published bytes (pinned
SHA-256). All other programs and commands never use the network.

Flags
  --data-dir PATH  where to look first; fetch: a folder NAME is made there
                   (default: $BNAS_DATA_DIR, or ~/.local/share/bnas)
  --mirror URL     fetch: a folder (https, http, file) to ask first; repeatable
  --json           one JSON object
  -h, --help       this text

Exit codes: 0 whole, 2 usage, 65 damaged, 66 not there or not to be had, 74 disk
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

int fetch(const std::string& name, const std::string& data_dir, const std::vector<std::string>& mirrors, bool json) {
  const bnas::PublishedSet* set = bnas::find_published_set(name);
  if (set == nullptr) {
    std::vector<std::string> names;
    for (const bnas::PublishedSet& known : bnas::published_sets()) {
      names.push_back(known.name);
    }
    throw bnas::Error(bnas::ErrorKind::usage,
                      fmt::format("fetch knows {}; not '{}'", fmt::join(names, ", "), escaped(name)));
  }
  const std::filesystem::path directory = fetch_directory(*set, data_dir);
  const auto say = [](const std::string& line) { std::fprintf(stderr, "%s\n", escaped(line).c_str()); };
  const auto get = [&](const std::string& url, std::uint64_t bytes) {
    say(fmt::format("fetching {} ({})", url, bytes_text(static_cast<double>(bytes))));
    std::uint64_t tenths = 0;
    return download(url, bytes, [&](std::uint64_t done) {
      if (done * 10 / bytes > tenths) {
        tenths = done * 10 / bytes;
        say(fmt::format("  {} %", 10 * tenths));
      }
    });
  };
  fetch_dataset(*set, directory, mirrors, get, [&](const std::string& problem) { say("  " + problem); });
  return check(name, directory.parent_path(), json);
}

}  // namespace

int main(int argc, char** argv) {
  return guarded_main("bnas_data", [&] {
    std::string command;
    std::string name;
    std::string data_dir;
    std::vector<std::string> mirrors;
    bool json = false;
    bool help = false;
    CLI::App app;
    app.set_help_flag();
    app.add_option("command", command);
    app.add_option("name", name);
    app.add_option("--data-dir", data_dir);
    app.add_option("--mirror", mirrors)->allow_extra_args(false);
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
    if (!mirrors.empty() && command != "fetch") {
      refuse("--mirror belongs to fetch");
    }
    if (command == "list" && name.empty()) {
      return list(data_dir, json);
    }
    if ((command != "check" && command != "fetch") || name.empty()) {
      refuse(command.empty()                            ? "a command is missing"
             : command == "check" || command == "fetch" ? command + " needs the name of a data set"
                                                        : "unknown command '" + command + "'");
    }
    if (command == "fetch") {
      return fetch(name, data_dir, mirrors, json);
    }
    return check(name, data_dir, json);
  });
}
