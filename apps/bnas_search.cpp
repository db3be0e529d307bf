// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <string_view>

#include "cli/arguments.hpp"
#include "cli/build_info.hpp"
#include "cli/exit_code.hpp"
#include "cli/terminal.hpp"
#include "search_commands.hpp"

int main(int argc, char** argv) {
  using namespace bnas::cli;
  return guarded_main("bnas_search", [&] {
    if (argc == 3 && argv[1] == std::string_view(kWorkerCommand)) {
      return run_worker_command();
    }
    const SearchArguments arguments = parse_search_arguments({argv + 1, argv + argc});
    if (arguments.no_color) {
      Terminal::forbid_color();
    }
    if (arguments.help || arguments.version) {
      std::fputs((arguments.help ? search_help() : version_text("bnas_search")).c_str(), stdout);
      return static_cast<int>(kSuccess);
    }
    switch (arguments.command) {
      case Command::resume:
        return run_resume_command(arguments);
      case Command::status:
        return run_status_command(arguments);
      case Command::compare:
        return run_compare_command(arguments);
      case Command::search:
        break;
    }
    return run_search_command(arguments);
  });
}
