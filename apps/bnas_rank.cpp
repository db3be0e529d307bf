// SPDX-License-Identifier: Apache-2.0
// bnas_rank: ranks and draws histories and scores.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <numeric>

#include "bnas/core/error.hpp"
#include "bnas/core/io/file.hpp"
#include "cli/chart.hpp"
#include "cli/events.hpp"
#include "cli/exit_code.hpp"
#include "cli/format.hpp"
#include "rank_input.hpp"

namespace {

using namespace bnas::cli;

constexpr char kHelp[] = R"(Ranks and draws measured or predicted accuracies of cells.

Examples
  bnas_rank runs/a                          the 20 best cells of a run
  bnas_rank train_history.csv --sort --plot
  bnas_rank 'runs/*/train_history.csv' --svg all.svg --top 5
  bnas_rank scores_3.csv --png scores.png --json

Usage
  bnas_rank FILE|RUN|PATTERN ... [flags]
  Files have lines VALUE,IN,OP,IN,OP,... without header, as train_history.csv
  and scores_<b>.csv; a run directory stands for its train_history.csv.

Flags
  --top N        cells in the table (default: 20; 0: all)
  --each         every line on its own; otherwise lines of the same network are
                 one entry with mean and standard deviation
  --sort         drawings in order of rank instead of order in the files
  --plot         draws on the terminal
  --svg FILE     draws into a file; bars are +- one standard deviation
  --png FILE
  --json         one JSON object instead of the table
  --no-color     as NO_COLOR=1
  -h, --help     this text

Exit codes: 0 done, 2 usage, 65 damaged file, 66 no such file, 74 cannot write
)";

struct Arguments {
  std::vector<std::string> names;
  std::int64_t top = 20;
  bool each = false;
  bool sort = false;
  bool plot = false;
  bool json = false;
  std::string svg;
  std::string png;
};

std::string value_text(double value) {
  return value >= 0.0 && value <= 1.0 ? percent_text(value) : fmt::format("{:.6g}", value);
}

std::vector<std::size_t> best_first(const std::vector<RankedCell>& cells) {
  std::vector<std::size_t> order(cells.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return cells[a].mean > cells[b].mean; });
  return order;
}

std::string table(const std::vector<RankedCell>& cells, std::span<const std::size_t> order,
                  const bnas::nas::SearchSpace& space) {
  std::vector<std::vector<std::string>> rows = {{"rank", "value", "+-", "lines", "blocks", "first line"}};
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const RankedCell& cell = cells[order[rank]];
    rows.push_back({std::to_string(rank + 1), value_text(cell.mean), cell.count > 1 ? value_text(cell.deviation) : "",
                    std::to_string(cell.count), std::to_string(cell.cell.blocks.size()),
                    std::to_string(cell.first + 1)});
  }
  constexpr std::size_t kIndent = 6;
  return table_with_notes(rows, [&](std::size_t row) {
    return std::string(kIndent, ' ') + wrapped_list(escaped(space.text(cells[order[row]].cell)), kIndent);
  });
}

/// `labelled` by `space`, where it is given.
Chart chart_of(const std::vector<RankedCell>& cells, std::span<const std::size_t> order, bool sort,
               const bnas::nas::SearchSpace* labelled) {
  Chart chart{sort ? "Cells by rank" : "Cells in order of files", sort ? "rank" : "line", "value", {}};
  ChartSeries& dots = chart.series.emplace_back();
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const RankedCell& cell = cells[sort ? order[i] : i];
    const double x = static_cast<double>(sort ? static_cast<std::int64_t>(i) : cell.first) + 1.0;
    dots.points.push_back({x, cell.mean, cell.mean - cell.deviation, cell.mean + cell.deviation,
                           labelled == nullptr ? "" : value_text(cell.mean) + " " + labelled->text(cell.cell)});
  }
  return chart;
}

Json json_of(const std::vector<RankedCell>& cells, std::span<const std::size_t> order,
             const bnas::nas::SearchSpace& space, const std::vector<std::string>& files, std::size_t lines) {
  Json out = {{"v", 1}, {"files", files}, {"lines", lines}, {"cells", cells.size()}, {"ranked", Json::array()}};
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const RankedCell& cell = cells[order[rank]];
    out["ranked"].push_back({{"rank", rank + 1},
                             {"value", json_number(cell.mean)},
                             {"deviation", cell.count > 1 ? json_number(cell.deviation) : Json()},
                             {"lines", cell.count},
                             {"blocks", cell.cell.blocks.size()},
                             {"first_line", cell.first + 1},
                             {"cell", space.text(cell.cell)}});
  }
  return out;
}

int run(const Arguments& arguments) {
  const std::vector<std::string> files = history_files(arguments.names);
  bnas::nas::History history;
  for (const std::string& file : files) {
    bnas::nas::append_history(history, bnas::nas::read_history(file));
  }
  if (history.rows.empty()) {
    throw bnas::Error(bnas::ErrorKind::bad_data,
                      files.front() + " holds no cell" + (files.size() > 1 ? ", nor do the other files" : ""));
  }
  const std::size_t lines = history.rows.size();
  const bnas::nas::SearchSpace space(bnas::nas::space_of(history));
  const std::vector<RankedCell> cells = ranked_cells(std::move(history), space, !arguments.each);
  const std::vector<std::size_t> order = best_first(cells);
  if (!arguments.svg.empty()) {
    constexpr std::size_t kMostLabels = 20'000;  // a viewer needs them all in memory
    const bool labelled = cells.size() <= kMostLabels;
    bnas::write_file_atomic(
        arguments.svg,
        std::string_view(chart_svg(chart_of(cells, order, arguments.sort, labelled ? &space : nullptr))));
  }
  if (!arguments.png.empty()) {
    bnas::write_file_atomic(arguments.png, chart_png(chart_of(cells, order, arguments.sort, nullptr)));
  }
  const auto wanted =
      arguments.top == 0 ? order.size() : std::min(order.size(), static_cast<std::size_t>(arguments.top));
  const std::span<const std::size_t> shown = std::span(order).first(wanted);
  if (arguments.json) {
    std::puts(json_text(json_of(cells, shown, space, files, lines)).c_str());
    return kSuccess;
  }
  std::string out = fmt::format("{} line{}, {} cell{}\n\n", lines, lines == 1 ? "" : "s", cells.size(),
                                cells.size() == 1 ? "" : "s") +
                    table(cells, shown, space);
  if (arguments.plot) {
    const Terminal terminal = Terminal::detect(stdout);
    constexpr int kRows = 20;
    out += "\n" + chart_text(chart_of(cells, order, arguments.sort, nullptr), terminal,
                             std::min(terminal.width(stdout), 120), kRows);
  }
  std::fputs(out.c_str(), stdout);
  return kSuccess;
}

}  // namespace

int main(int argc, char** argv) {
  return guarded_main("bnas_rank", [&] {
    Arguments arguments;
    bool help = false;
    bool no_color = false;
    CLI::App app;
    app.set_help_flag();
    app.add_option("names", arguments.names);
    app.add_option("--top", arguments.top)->check(CLI::Range(0, 1'000'000'000));
    app.add_option("--svg", arguments.svg);
    app.add_option("--png", arguments.png);
    app.add_flag("--each", arguments.each);
    app.add_flag("--sort", arguments.sort);
    app.add_flag("--plot", arguments.plot);
    app.add_flag("--json", arguments.json);
    app.add_flag("--no-color", no_color);
    app.add_flag("-h,--help", help);
    const auto refuse = [](const std::string& what) {
      throw bnas::Error(bnas::ErrorKind::usage, what + "; see bnas_rank --help");
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
    if (no_color) {
      Terminal::forbid_color();
    }
    if (arguments.names.empty()) {
      refuse("give a history, scores or a run directory");
    }
    return run(arguments);
  });
}
