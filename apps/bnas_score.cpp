// SPDX-License-Identifier: Apache-2.0
// bnas_score: lets a surrogate score cells, and measures how well surrogates rank.
#include <CLI/CLI.hpp>

#include "bnas/core/error.hpp"
#include "cli/exit_code.hpp"
#include "score_commands.hpp"

namespace {

using namespace bnas::cli;

constexpr char kHelp[] = R"(Scores cells with the surrogate of a run, or tells how well surrogates rank.

Examples
  bnas_score runs/a --top 20               the 20 cells it expects most of
  bnas_score runs/a --blocks 5 > all.csv   all cells, beyond the trained sizes
  bnas_score --history train_history.csv --blocks 4 --top 10
  bnas_score --history train_history.csv --evaluate

Usage
  bnas_score RUN [flags]         RUN: a run directory, or its surrogate.json
  bnas_score --history FILE ...  fits to files of lines ACCURACY,IN,OP,IN,OP,...

Scoring prints CSV: the predicted accuracy, then the cell.
  --blocks B          cells of 1 to B blocks (default: as in the run)
  --exactly           of B blocks only
  --top N             the N best, best first; otherwise all, smallest first
  --operators NAMES   refuses a surrogate made for other operators

Evaluating prints rank correlations (Spearman): fitted to all cells of up to b
blocks, how well does a surrogate rank those of b + 1?
  --evaluate          with --history; several files are read as one

Both
  --history FILE      may be repeated
  --surrogate KINDS   of blend, gp, ridge, lstm, mlp, lstm-ensemble and
                      mlp-ensemble; the neural ones also with -pairwise
                      (default: blend; evaluate: all)
  --seed N            of neural surrogates (default: 1)
  --device NAME       cpu, or as bnas_info lists them (default: cpu)
  --json              evaluate: one JSON object
  -h, --help          this text

Exit codes: 0 done, 2 usage, 65 damaged file, 66 no such file
)";

[[noreturn]] void refuse(const std::string& what) {
  throw bnas::Error(bnas::ErrorKind::usage, what + "; see bnas_score --help");
}

}  // namespace

int main(int argc, char** argv) {
  return guarded_main("bnas_score", [&] {
    ScoreArguments arguments;
    std::string device = "cpu";
    bool evaluate = false;
    bool help = false;
    CLI::App app;
    app.set_help_flag();
    app.add_option("run", arguments.run);
    app.add_option("--history", arguments.histories);
    app.add_option("--surrogate", arguments.surrogates)->delimiter(',')->allow_extra_args(false);
    app.add_option("--operators", arguments.operators)->delimiter(',')->allow_extra_args(false);
    app.add_option("--blocks", arguments.blocks)->check(CLI::Range(1, 8));
    app.add_option("--top", arguments.top)->check(CLI::Range(1, 10'000'000));
    app.add_option("--seed", arguments.seed);
    app.add_option("--device", device);
    app.add_flag("--exactly", arguments.exactly);
    app.add_flag("--evaluate", evaluate);
    app.add_flag("--json", arguments.json);
    app.add_flag("-h,--help", help);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      refuse(error.what());
    }
    if (help) {
      std::fputs(kHelp, stdout);
      return static_cast<int>(kSuccess);
    }
    if (arguments.run.empty() == arguments.histories.empty()) {
      refuse("give either a run directory or --history FILE");
    }
    arguments.device = bnas::Device::parse(device);
    if (!evaluate) {
      return run_score_cells(arguments);
    }
    if (arguments.histories.empty() || arguments.blocks != 0 || arguments.top != 0 || arguments.exactly ||
        !arguments.operators.empty()) {
      refuse("--evaluate takes --history, --surrogate, --seed, --device and --json");
    }
    return run_score_evaluate(arguments);
  });
}
