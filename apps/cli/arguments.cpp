// SPDX-License-Identifier: Apache-2.0
#include "cli/arguments.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "bnas/core/error.hpp"
#include "cli/table_flags.hpp"
#include "cli/terminal.hpp"

namespace bnas::cli {
namespace {

constexpr const char* kHint = "; see bnas_search --help";

[[noreturn]] void refuse(const std::string& what) { throw Error(ErrorKind::usage, what); }

Command command_of(const std::vector<std::string>& arguments, std::size_t& used) {
  used = 0;
  if (arguments.empty()) {
    return Command::search;
  }
  const std::string& first = arguments.front();
  for (const auto& [name, command] :
       {std::pair("resume", Command::resume), {"status", Command::status}, {"compare", Command::compare}}) {
    if (first == name) {
      used = 1;
      return command;
    }
  }
  return Command::search;
}

void check_target(const SearchArguments& out) {
  if (out.command == Command::search) {
    const std::string text = out.target.string();
    std::error_code code;
    if (!text.empty() && text.find_first_of("./") == std::string::npos && !std::filesystem::exists(out.target, code)) {
      refuse(fmt::format("neither a command nor a configuration file: '{}'{}", escaped(text),
                         nearest_hint(text, {"resume", "status", "compare"}, kHint)));
    }
  } else if (out.command == Command::compare) {
    if (out.runs.empty()) {
      refuse("compare needs run directories: bnas_search compare RUN RUN ...");
    }
  } else if (out.target.empty()) {
    refuse(fmt::format("{} needs the run directory: bnas_search {} RUN",
                       out.command == Command::resume ? "resume" : "status",
                       out.command == Command::resume ? "resume" : "status"));
  }
}

}  // namespace

SearchArguments parse_search_arguments(const std::vector<std::string>& arguments) {
  SearchArguments out;
  std::size_t used = 0;
  out.command = command_of(arguments, used);

  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::string target;
  std::string log_file;
  bool quiet = false;
  std::vector<std::string> runs;
  if (out.command == Command::compare) {
    app.add_option("runs", runs);
    app.add_option("--svg", out.svg);
    app.add_option("--png", out.png);
  } else {
    app.add_option("target", target);
  }
  app.add_flag("-h,--help", out.help);
  app.add_flag("--json", out.json);
  app.add_flag("--no-color", out.no_color);
  const bool trains = out.command == Command::search || out.command == Command::resume;
  if (trains) {
    app.add_flag("-q,--quiet", quiet);
    app.add_flag("-v,--verbose", out.verbosity);
    app.add_option("--log-file", log_file);
    app.add_flag("--print-config", out.print_config);
  }
  if (out.command == Command::search) {
    app.add_flag("-n,--dry-run", out.dry_run);
    app.add_flag("--version", out.version);
  }
  std::unique_ptr<TableFlags> table;
  if (trains) {
    table = std::make_unique<TableFlags>(app, Program::search);
  }
  try {
    std::vector<std::string> rest(arguments.rbegin(), arguments.rend() - static_cast<std::ptrdiff_t>(used));
    app.parse(rest);  // takes them in reverse
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
  out.target = target;
  out.runs.assign(runs.begin(), runs.end());
  out.log_file = log_file;
  check_target(out);
  if (table) {
    out.flags = table->given();
  }
  return out;
}

}  // namespace bnas::cli
