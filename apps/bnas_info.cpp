// SPDX-License-Identifier: Apache-2.0
// bnas_info: devices, build options, library versions.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "bnas/core/backend.hpp"
#include "cli/build_info.hpp"
#include "cli/events.hpp"
#include "cli/exit_code.hpp"

namespace {

using namespace bnas::cli;

constexpr char kHelp[] = R"(Shows the devices that bnas can use, how it was built, and its libraries.

Examples
  bnas_info
  bnas_info --json

Flags
  --json      one JSON object
  -h, --help  this text
)";

std::string info_json() {
  Json out = {{"v", 1}, {"version", version()}, {"devices", Json::array()}};
  for (const bnas::Device& device : bnas::available_devices()) {
    const bnas::Backend& backend = bnas::backend_for(device);
    out["devices"].push_back(
        {{"device", device.text()}, {"description", backend.description()}, {"kernels", backend.kernels().size()}});
  }
  for (const auto& [name, value] : build_options()) {
    out["build"][name] = value;
  }
  for (const auto& [name, value] : library_versions()) {
    out["libraries"][name] = value;
  }
  return json_text(out) + "\n";
}

std::string info_text() {
  std::string out = fmt::format("bnas {}\n\nDevices\n", version());
  for (const bnas::Device& device : bnas::available_devices()) {
    const bnas::Backend& backend = bnas::backend_for(device);
    out += fmt::format("  {:<14} {}, {} kernels\n", device.text(), backend.description(), backend.kernels().size());
  }
  out += "\nBuild\n";
  for (const auto& [name, value] : build_options()) {
    out += fmt::format("  {:<14} {}\n", name, value);
  }
  out += "\nLibraries\n";
  for (const auto& [name, value] : library_versions()) {
    out += fmt::format("  {:<14} {}\n", name, value);
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  return guarded_main("bnas_info", [&] {
    bool json = false;
    bool help = false;
    CLI::App app;
    app.set_help_flag();
    app.add_flag("--json", json);
    app.add_flag("-h,--help", help);
    try {
      app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      throw bnas::Error(bnas::ErrorKind::usage, error.what() + std::string("; see bnas_info --help"));
    }
    std::fputs((help ? std::string(kHelp) : json ? info_json() : info_text()).c_str(), stdout);
    return static_cast<int>(kSuccess);
  });
}
