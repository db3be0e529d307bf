// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <string_view>

#include "cli/build_info.hpp"
#include "cli/exit_code.hpp"
#include "cli/terminal.hpp"
#include "search_commands.hpp"
#include "train_command.hpp"

int main(int argc, char** argv) {
  using namespace bnas::cli;
  return guarded_main("bnas_train", [&] {
    if (argc == 3 && argv[1] == std::string_view(kWorkerCommand)) {
      return run_worker_command();
    }
    const TrainArguments arguments = parse_train_arguments({argv + 1, argv + argc});
    if (arguments.no_color) {
      Terminal::forbid_color();
    }
    if (arguments.help || arguments.version) {
      std::fputs((arguments.help ? train_help() : version_text("bnas_train")).c_str(), stdout);
      return static_cast<int>(kSuccess);
    }
    return run_train_command(arguments);
  });
}
