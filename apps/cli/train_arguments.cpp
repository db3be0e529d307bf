// SPDX-License-Identifier: Apache-2.0
#include "cli/train_arguments.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>

#include "bnas/core/error.hpp"
#include "cli/help.hpp"
#include "cli/table_flags.hpp"
#include "cli/terminal.hpp"

namespace bnas::cli {
namespace {

constexpr const char* kHint = "; see bnas_train --help";

constexpr char kHead[] = R"(Trains one architecture to convergence and measures it on the test images.

Examples
  bnas_train --best runs/a                 a search's best cell, its settings
  bnas_train --trial runs/a#57 --epochs 50 another one of its children
  bnas_train --best runs/a --no-hold-out   on all images but those for testing,
                                           for the final figure
  bnas_train --best runs/a --repeats 5     mean and spread of five trainings
  bnas_train --best runs/a --weights runs/a/best/latent.safetensors
                                           from the weights that it has
  bnas_train run.toml --genotype "[-1, '3x3 bconv', -2, '5x5 bconv']"
  bnas_train --space flat --operators "3x3 bconv,5x5 bconv,linear" --blocks 2
             --representation "[[1. 0.]] [[0. 2. 0.]] [[1. 0.]] [[1. 0. 0.]]"
  bnas_train --strategy bnas --genotype runs/b/best/genotype.txt --epochs 50
  bnas_train --resume runs/a-train-1       goes on after a stop, kill or crash

Which cell
)";

constexpr char kMiddle[] = R"(
How
)";

constexpr char kTail[] = R"(
Every key of the groups above is also a key of the TOML file and a variable of
the environment, as for bnas_search; both programs read the same files. With
--trial and --best the search's own config.toml comes first, but for epochs and
max_train_images; of a differentiable search, its data and what its cells are
made of. With a differentiable --strategy the defaults are those of --evaluation
(docs/differentiable.md). On --resume, keys marked * may change.

RUN/best holds the weights of the best epoch and, as last-*, of the last one;
RUN/curve.csv every epoch of every repeat. The test images are looked at once,
at the end.

Exit codes
  0 done            1 training failed      2 usage or configuration
  65 corrupt data   66 data missing        69 device not there    70 bug
  73 run directory in use or exists        74 disk full or I/O error
  75 stopped early, resumable              130, 143 stopped by a signal
)";

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorKind::usage, what); }

void check_exclusive(const TrainArguments& out) {
  std::vector<std::string> given;
  const auto add = [&](bool is_given, const char* flag) {
    if (is_given) {
      given.emplace_back(flag);
    }
  };
  add(!out.trial.empty(), "--trial");
  add(!out.best.empty(), "--best");
  add(!out.representation.empty(), "--representation");
  add(std::any_of(out.flags.begin(), out.flags.end(), [](const auto& f) { return f.first->key == "genotype"; }),
      "--genotype");
  if (given.size() > 1) {
    refuse(fmt::format("{} exclude each other: a training has one cell", fmt::join(given, " and ")));
  }
  if (!out.resume.empty() && (!given.empty() || !out.file.empty())) {
    refuse(fmt::format("--resume takes the cell and the settings of the run; leave out {}",
                       given.empty() ? out.file.string() : given.front()));
  }
}

}  // namespace

TrainArguments parse_train_arguments(const std::vector<std::string>& arguments) {
  TrainArguments out;
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::string file, resume, best, log_file;
  bool quiet = false;
  app.add_option("file", file);
  app.add_option("--resume", resume);
  app.add_option("--trial", out.trial);
  app.add_option("--best", best);
  app.add_option("--representation", out.representation);
  app.add_option("--log-file", log_file);
  app.add_flag("--json", out.json);
  app.add_flag("-q,--quiet", quiet);
  app.add_flag("-v,--verbose", out.verbosity);
  app.add_flag("--print-config", out.print_config);
  app.add_flag("--no-color", out.no_color);
  app.add_flag("--version", out.version);
  app.add_flag("-h,--help", out.help);
  const TableFlags table(app, Program::train);
  try {
    std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
    app.parse(reversed);
  } catch (const CLI::ParseError& error) {
    refuse(error.what() + std::string(kHint));
  }
  if (out.help || out.version) {
    return out;
  }
  refuse_extras(app, kHint);
  if (quiet && out.verbosity > 0) {
    refuse("-q and -v exclude each other");
  }
  out.verbosity = quiet ? -1 : std::min(out.verbosity, 2);
  out.file = file;
  out.resume = resume;
  out.best = best;
  out.log_file = log_file;
  out.flags = table.given();
  check_exclusive(out);
  return out;
}

std::string train_help() {
  std::string out = kHead;
  for (const auto& [flag, text] : std::initializer_list<std::pair<const char*, const char*>>{
           {"--best RUN", "the best child of a search, or what a differentiable one found"},
           {"--trial RUN#N", "child N of a search"},
           {"--genotype TEXT",
            "a cell as status, report and architectures.txt write it; with a differentiable "
            "--strategy, best/genotype.txt of its search or what that holds"},
           {"--representation TEXT", "a cell as vectors; needs the operators and blocks that it was made with"},
           {"--resume RUN", "goes on with a training that was stopped"}}) {
    out += help_line(flag, text);
  }
  out += kMiddle;
  for (const auto& [flag, text] : std::initializer_list<std::pair<const char*, const char*>>{
           {"--print-config", "prints the effective configuration as TOML"},
           {"--json", "events as JSON lines on stdout"},
           {"-q, --quiet", "errors only"},
           {"-v, -vv", "decisions; every epoch"},
           {"--log-file PATH", "everything, besides RUN/logs/search.log"},
           {"--no-color", "as NO_COLOR=1"},
           {"--version", "versions and build options"},
           {"-h, --help", "this text"}}) {
    out += help_line(flag, text);
  }
  return out + help_options(Program::train, training_defaults()) + kTail;
}

std::pair<std::filesystem::path, std::int64_t> parse_trial_name(const std::string& text) {
  const std::size_t hash = text.rfind('#');
  std::int64_t id = 0;
  const char* end = text.data() + text.size();
  const bool has_number = hash != std::string::npos && hash > 0;
  const auto [stop, error] = std::from_chars(has_number ? text.data() + hash + 1 : end, end, id);
  if (!has_number || error != std::errc{} || stop != end || id < 1) {
    refuse(fmt::format("--trial: '{}' is not RUN#N, such as runs/a#57", escaped(text)));
  }
  return {text.substr(0, hash), id};
}

}  // namespace bnas::cli
