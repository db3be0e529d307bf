// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <sstream>

#include "cli/arguments.hpp"
#include "cli/help.hpp"

namespace bnas::cli {
namespace {

constexpr std::size_t kColumns = 80;
constexpr std::size_t kIndent = 29;

constexpr char kHead[] = R"(Searches architectures of binarized neural networks.

Examples
  bnas_search --dry-run                    what the defaults would do, and cost
  bnas_search                              progressive search on Fashion-MNIST
  bnas_search run.toml --seed 2            keys from a file, one changed
  bnas_search --operators "3x3 bconv,5x5 bconv,linear" --blocks 2 --children 8
  bnas_search status runs/fashion-mnist-1  how far a run is, best cells so far
  bnas_search resume runs/fashion-mnist-1  goes on after a stop, kill or crash
  bnas_search compare runs/*               best so far, seeds taken together

Usage
  bnas_search [run.toml] [flags]   starts a search in a new run directory
  bnas_search resume RUN [flags]   continues it; frozen keys cannot change
  bnas_search status RUN [--json]  reads it, also while it runs
  bnas_search compare RUN... [--json] [--svg FILE] [--png FILE]

Flags
)";

constexpr char kTail[] = R"(
Every key of the groups above is also a key of run.toml (--max-train-images is
max_train_images, --surrogate-kind is kind in [surrogate]) and a variable of the
environment (BNAS_MAX_TRAIN_IMAGES). Flags win over the environment, that over
run.toml, that over ~/.config/bnas/config.toml. Lists are separated by commas,
or the flag is repeated. Paths in a file are relative to that file. On resume,
keys marked * may change; all others belong to the run.

Exit codes
  0 done            1 search failed        2 usage or configuration
  65 corrupt data   66 data missing        69 device not there    70 bug
  73 run directory in use or exists        74 disk full or I/O error
  75 stopped early, resumable              130, 143 stopped by a signal
)";

std::string value_name(const Option& option) {
  if (option.form == Form::path) return " PATH";
  if (option.form == Form::duration) return " TIME";
  static constexpr const char* kNames[] = {"", " N", " X", " NAME", " NAMES", " N,N,..."};
  return kNames[option.member.index()];
}

}  // namespace

std::string help_line(const std::string& left, const std::string& text) {
  std::string out = "  " + left;
  out += left.size() + 4 > kIndent ? "\n" + std::string(kIndent, ' ') : std::string(kIndent - 2 - left.size(), ' ');
  std::size_t column = kIndent;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (column > kIndent && column + 1 + word.size() > kColumns) {
      out += "\n" + std::string(kIndent, ' ');
      column = kIndent;
    }
    out += (column > kIndent ? " " : "") + word;
    column += word.size() + (column > kIndent ? 1 : 0);
  }
  return out + "\n";
}

std::string help_options(Program program, const Config& defaults) {
  std::string out;
  std::string group;
  for (const Option& option : options()) {
    if (!is_used_by(option, program)) {
      continue;
    }
    if (option.group != group) {
      group = option.group;
      out += "\n" + group + "\n";
    }
    std::string text = option.help;
    if (!option.choices.empty()) {
      text += fmt::format("; one of {}", fmt::join(option.choices, ", "));
    }
    const std::string value = plain_value(defaults, option);
    text += value.empty() ? "" : " (default: " + value + ")";
    text += option.on_resume == OnResume::frozen ? "" : " *";
    out += help_line(option.flag() + value_name(option), text);
  }
  return out;
}

std::string search_help() {
  std::string out = kHead;
  for (const auto& [flag, text] : std::initializer_list<std::pair<const char*, const char*>>{
           {"-n, --dry-run", "checks configuration and data; prints size, time, memory, disk"},
           {"--print-config", "prints the effective configuration as TOML"},
           {"--json", "events as JSON lines on stdout; status: one object"},
           {"-q, --quiet", "errors only"},
           {"-v, -vv", "decisions; every epoch"},
           {"--log-file PATH", "everything, besides RUN/logs/search.log"},
           {"--no-color", "as NO_COLOR=1"},
           {"--version", "versions and build options"},
           {"-h, --help", "this text"}}) {
    out += help_line(flag, text);
  }
  out += help_options(Program::search, Config{});
  return out + kTail;
}

}  // namespace bnas::cli
