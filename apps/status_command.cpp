// SPDX-License-Identifier: Apache-2.0
// bnas_search status: reads a run directory, also while its search goes on.
#include <fmt/format.h>

#include <cmath>
#include <cstdlib>

#include "bnas/nas/report.hpp"
#include "bnas/nas/trial_store.hpp"
#include "cli/exit_code.hpp"
#include "cli/format.hpp"
#include "cli/result_report.hpp"
#include "cli/run_directory.hpp"
#include "cli/terminal.hpp"
#include "differentiable_command.hpp"
#include "search_commands.hpp"

namespace bnas::cli {
namespace {

double number_or_nan(const Json& json) { return json.is_number() ? json.get<double>() : std::nan(""); }

std::vector<nas::SurrogateQuality> read_quality(const Json& status) {
  std::vector<nas::SurrogateQuality> out;
  for (const Json& q : status.at("quality")) {
    out.push_back({q.at("level").get<int>(), number_or_nan(q.at("fit_spearman")), number_or_nan(q.at("fit_kendall")),
                   number_or_nan(q.at("extrapolation_spearman")), number_or_nan(q.at("extrapolation_kendall"))});
  }
  return out;
}

std::string status_text(const std::string& run, const std::string& state, const Json& status,
                        const nas::TrialStore& store) {
  const Json& counts = status.at("trials");
  std::string out = fmt::format("{}  {}\n", run, state);
  out += fmt::format("children  {} planned, {} done, {} running, {} queued, {} diverged, {} failed\n",
                     counts.at("planned").get<std::int64_t>(), counts.at("done").get<std::int64_t>(),
                     counts.at("running").get<std::int64_t>(), counts.at("queued").get<std::int64_t>(),
                     counts.at("diverged").get<std::int64_t>(), counts.at("failed").get<std::int64_t>());
  if (!status.at("best").is_null()) {
    out += "\nBest cells so far\n" + best_table(store.trials(), 5);
  }
  if (const auto quality = read_quality(status); !quality.empty()) {
    out += "\nSurrogate\n" + quality_table(quality);
  }
  if (const std::string test = store.meta("test_accuracy"); !test.empty()) {
    out += fmt::format("\nTest accuracy of the best cell {} (measured once)\n",
                       percent_text(std::strtod(test.c_str(), nullptr)));
  }
  for (const Json& problem : status.at("problems")) {
    out += fmt::format("child {} {}: {}\n", problem.at("id").get<std::int64_t>(),
                       problem.at("status").get<std::string>(), escaped(problem.at("message").get<std::string>()));
  }
  return out;
}

int print_supernet(const std::string& run, const std::string& holder, const Json& status, bool json) {
  const bool complete = !status.at("genotype").is_null();
  const std::string state = !holder.empty() ? "running" : complete ? "complete" : "stopped";
  if (json) {
    Json out = {{"v", 1}, {"run", run}, {"state", state}, {"holder", holder}};
    out.update(status);
    std::puts(json_text(out).c_str());
    return kSuccess;
  }
  const std::string note = state == "running"   ? "running: " + holder
                           : state == "stopped" ? "stopped; bnas_search resume " + run
                                                : state;
  std::fputs(fmt::format("{}  {}\n{}", run, note, differentiable_status_text(status)).c_str(), stdout);
  return kSuccess;
}

}  // namespace

int run_status_command(const SearchArguments& arguments) {
  const std::filesystem::path& root = arguments.target;
  std::error_code code;
  if (!std::filesystem::exists(root / "config.toml", code)) {
    throw Error(ErrorKind::missing, root.string() + " holds no run (no config.toml)");
  }
  const std::string holder = run_holder(root);
  if (!std::filesystem::exists(root / "run.sqlite", code)) {
    std::puts(arguments.json ? R"({"v":1,"state":"starting"})" : "starting; nothing is stored yet");
    return kSuccess;
  }
  const auto store = nas::open_sqlite_store(root / "run.sqlite", true);
  if (const Json supernet = differentiable_status(*store); !supernet.is_null()) {
    return print_supernet(root.string(), holder, supernet, arguments.json);
  }
  Json status = Json::parse(nas::status_json(*store));
  const std::string test = store->meta("test_accuracy");
  const std::string state = !holder.empty() ? "running" : !test.empty() ? "complete" : "stopped";
  if (arguments.json) {
    Json out = {{"v", 1}, {"run", root.string()}, {"state", state}, {"holder", holder}};
    out.update(status);
    out["test_acc"] = test.empty() ? Json() : json_number(std::strtod(test.c_str(), nullptr));
    std::puts(json_text(out).c_str());
    return kSuccess;
  }
  const std::string note = state == "running"   ? "running: " + holder
                           : state == "stopped" ? "stopped; bnas_search resume " + root.string()
                                                : state;
  std::fputs(status_text(root.string(), note, status, *store).c_str(), stdout);
  return kSuccess;
}

}  // namespace bnas::cli
