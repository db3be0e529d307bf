// SPDX-License-Identifier: Apache-2.0
#include "cli/build_info.hpp"

#include <fmt/format.h>
#include <spdlog/version.h>
#include <sqlite3.h>
#include <toml++/toml.h>
#include <zlib.h>

#include <CLI/Version.hpp>
#include <nlohmann/json.hpp>

#include "bnas/core/backend.hpp"

namespace bnas::cli {

std::string version() { return BNAS_VERSION; }

std::vector<std::pair<std::string, std::string>> build_options() {
#if defined(__clang__)
  const char* const compiler = "clang " __clang_version__;
#else
  const char* const compiler = "g++ " __VERSION__;
#endif
  return {
      {"build type", BNAS_BUILD_TYPE}, {"compiler", compiler}, {"sanitizers", BNAS_SANITIZERS}, {"CUDA", BNAS_CUDA}};
}

std::vector<std::pair<std::string, std::string>> library_versions() {
  return {{"Highway", BNAS_HWY_VERSION},
          {"SQLite", sqlite3_libversion()},
          {"zlib", zlibVersion()},
          {"fmt", fmt::format("{}.{}.{}", FMT_VERSION / 10000, FMT_VERSION / 100 % 100, FMT_VERSION % 100)},
          {"nlohmann-json", fmt::format("{}.{}.{}", NLOHMANN_JSON_VERSION_MAJOR, NLOHMANN_JSON_VERSION_MINOR,
                                        NLOHMANN_JSON_VERSION_PATCH)},
          {"spdlog", fmt::format("{}.{}.{}", SPDLOG_VER_MAJOR, SPDLOG_VER_MINOR, SPDLOG_VER_PATCH)},
          {"toml++", fmt::format("{}.{}.{}", TOML_LIB_MAJOR, TOML_LIB_MINOR, TOML_LIB_PATCH)},
          {"CLI11", CLI11_VERSION}};
}

std::string version_text(const std::string& program) {
  std::string out = fmt::format("{} {}\n", program, version());
  for (const auto& [name, value] : build_options()) {
    out += fmt::format("  {:<14} {}\n", name, value);
  }
  for (const auto& [name, value] : library_versions()) {
    out += fmt::format("  {:<14} {}\n", name, value);
  }
  for (const Device& device : available_devices()) {
    out += fmt::format("  {:<14} {}\n", device.text(), backend_for(device).description());
  }
  return out;
}

}  // namespace bnas::cli
