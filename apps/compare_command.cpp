// SPDX-License-Identifier: Apache-2.0
// bnas_search compare: best accuracy so far of several runs, seeds of one kind taken together.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bnas/core/io/file.hpp"
#include "bnas/nas/report.hpp"
#include "bnas/nas/trial_store.hpp"
#include "cli/chart.hpp"
#include "cli/events.hpp"
#include "cli/exit_code.hpp"
#include "cli/format.hpp"
#include "cli/strategy_defaults.hpp"
#include "search_commands.hpp"
#include "search_objects.hpp"

namespace bnas::cli {
namespace {

namespace fs = std::filesystem;

/// Runs whose configurations differ in nothing but the seed.
struct Group {
  std::string identity;
  std::string label;
  Config config;
  std::vector<std::string> runs;
  std::vector<std::vector<double>> curves;  // best so far, by whole trainings
  std::size_t children = 0;                 // of the shortest curve

  /// Mean and sample standard deviation over seeds after `count` children.
  std::pair<double, double> after(std::size_t count) const {
    const auto n = static_cast<double>(curves.size());
    double mean = 0.0;
    for (const auto& curve : curves) {
      mean += curve[count - 1] / n;
    }
    double squares = 0.0;
    for (const auto& curve : curves) {
      squares += (curve[count - 1] - mean) * (curve[count - 1] - mean);
    }
    return {mean, curves.size() > 1 ? std::sqrt(squares / (n - 1.0)) : 0.0};
  }
};

void add_run(std::vector<Group>& groups, const fs::path& root) {
  std::error_code code;
  if (!fs::exists(root / "config.toml", code) || !fs::exists(root / "run.sqlite", code)) {
    throw Error(ErrorKind::missing, root.string() + " holds no run that has begun (no config.toml or run.sqlite)");
  }
  require_children(root);
  Config config;
  Origins origins;
  read_config_file(config, origins, root / "config.toml");
  std::vector<double> curve = nas::best_by_budget(nas::open_sqlite_store(root / "run.sqlite", true)->trials());
  if (curve.empty()) {
    throw Error(ErrorKind::usage, root.string() + " has measured no child yet; leave it out, or let it run");
  }
  config.seed = 0;
  const std::string identity = run_identity(config);
  auto at = std::find_if(groups.begin(), groups.end(), [&](const Group& g) { return g.identity == identity; });
  if (at == groups.end()) {
    at = groups.insert(groups.end(), Group{identity, config.strategy, config, {}, {}, curve.size()});
  }
  at->runs.push_back(root.string());
  at->children = std::min(at->children, curve.size());
  at->curves.push_back(std::move(curve));
}

/// Labels that tell groups apart: the strategy, then its surrogate, then the first run.
void make_labels(std::vector<Group>& groups) {
  const auto unique = [&](const Group& group) {
    return std::count_if(groups.begin(), groups.end(), [&](const Group& g) { return g.label == group.label; }) == 1;
  };
  const auto extend = [&](const std::function<std::string(const Group&)>& more) {
    std::vector<std::string> labels;
    labels.reserve(groups.size());
    for (const Group& group : groups) {
      labels.push_back(unique(group) ? group.label : group.label + more(group));
    }
    for (std::size_t i = 0; i < groups.size(); ++i) {
      groups[i].label = labels[i];
    }
  };
  extend([](const Group& g) { return " " + g.config.surrogate_kind; });
  extend([](const Group& g) { return " " + g.runs.front(); });
}

/// Frozen keys, beside those of strategy and surrogate, in which the groups differ: then accuracies do not compare.
std::vector<std::string> other_differences(const std::vector<Group>& groups) {
  std::vector<std::string> keys;
  for (const Option& option : options()) {
    const bool own = option.group == "Strategy" || option.group == "Surrogate";
    if (!own && option.on_resume == OnResume::frozen && std::any_of(groups.begin(), groups.end(), [&](const Group& g) {
          return !same_value(g.config, groups.front().config, option);
        })) {
      keys.push_back(option.key);
    }
  }
  return keys;
}

std::string spread_text(const Group& group, std::size_t count) {
  const auto [mean, deviation] = group.after(count);
  return group.curves.size() > 1 ? fmt::format("{:.2f} +- {:.2f} %", 100.0 * mean, 100.0 * deviation)
                                 : percent_text(mean);
}

std::string table(const std::vector<Group>& groups, std::size_t budget) {
  std::vector<std::vector<std::string>> rows = {{"strategy", "seeds"}};
  std::vector<std::size_t> marks;
  for (const double share : {0.25, 0.5, 1.0}) {
    const auto mark =
        std::max<std::size_t>(1, static_cast<std::size_t>(std::lround(share * static_cast<double>(budget))));
    if (marks.empty() || marks.back() != mark) {
      marks.push_back(mark);
      rows[0].push_back(fmt::format("best of {}", mark));
    }
  }
  for (const Group& group : groups) {
    auto& row = rows.emplace_back(std::vector{fit(escaped(group.label), 24), std::to_string(group.curves.size())});
    for (const std::size_t mark : marks) {
      row.push_back(spread_text(group, mark));
    }
  }
  std::vector<bool> left(rows[0].size(), false);
  left[0] = true;
  return table_text(rows, left);
}

Chart chart_of(const std::vector<Group>& groups) {
  Chart chart{"Best validation accuracy so far, mean and deviation of seeds",
              "children (short trainings count their share)",
              "accuracy",
              {}};
  for (const Group& group : groups) {
    ChartSeries& line = chart.series.emplace_back();
    line.name = group.label;
    line.line = true;
    for (std::size_t n = 1; n <= group.children; ++n) {
      const auto [mean, deviation] = group.after(n);
      line.points.push_back({static_cast<double>(n), mean, mean - deviation, mean + deviation, ""});
    }
  }
  return chart;
}

Json json_of(const std::vector<Group>& groups, std::size_t budget, const std::vector<std::string>& differences) {
  Json out = {{"v", 1}, {"children", budget}, {"also_different", differences}, {"groups", Json::array()}};
  for (const Group& group : groups) {
    Json means = Json::array();
    Json deviations = Json::array();
    for (std::size_t n = 1; n <= group.children; ++n) {
      const auto [mean, deviation] = group.after(n);
      means.push_back(mean);
      deviations.push_back(deviation);
    }
    out["groups"].push_back({{"label", group.label}, {"runs", group.runs}, {"best", means}, {"deviation", deviations}});
  }
  return out;
}

}  // namespace

int run_compare_command(const SearchArguments& arguments) {
  std::vector<Group> groups;
  for (const fs::path& root : arguments.runs) {
    add_run(groups, root);
  }
  make_labels(groups);
  std::size_t budget = groups.front().children;
  for (const Group& group : groups) {
    budget = std::min(budget, group.children);
  }
  const std::vector<std::string> differences = other_differences(groups);
  const Chart chart = chart_of(groups);
  if (!arguments.svg.empty()) {
    write_file_atomic(arguments.svg, std::string_view(chart_svg(chart)));
  }
  if (!arguments.png.empty()) {
    write_file_atomic(arguments.png, chart_png(chart));
  }
  if (!differences.empty()) {
    std::fprintf(
        stderr, "%s\n",
        fmt::format("The runs also differ in {}: their accuracies may not compare", fmt::join(differences, ", "))
            .c_str());
  }
  if (arguments.json) {
    std::puts(json_text(json_of(groups, budget, differences)).c_str());
    return kSuccess;
  }
  const Terminal terminal = Terminal::detect(stdout);
  constexpr int kRows = 16;
  const std::string out =
      table(groups, budget) + "\n" + chart_text(chart, terminal, std::min(terminal.width(stdout), 120), kRows);
  std::fputs(out.c_str(), stdout);
  return kSuccess;
}

}  // namespace bnas::cli
