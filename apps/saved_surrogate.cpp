// SPDX-License-Identifier: Apache-2.0
#include "saved_surrogate.hpp"

#include <fmt/format.h>

#include "bnas/core/error.hpp"
#include "bnas/core/io/file.hpp"
#include "cli/strategy_defaults.hpp"
#include "search_objects.hpp"

namespace bnas::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostRecord = 512ULL << 20U;

}  // namespace

nas::SurrogateRecord read_surrogate(const fs::path& run_or_file) {
  fs::path file = run_or_file;
  std::error_code code;
  if (fs::is_directory(file, code)) {
    file /= "surrogate.json";
    if (!fs::exists(file, code)) {
      require_children(run_or_file);
      throw Error(
          ErrorKind::missing,
          file.string() + " is not there: the run has no surrogate (random search), or has not finished a level");
    }
  }
  const Bytes bytes = read_file(file, kMostRecord);
  return nas::parse_surrogate_record({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file.string());
}

std::optional<nas::SurrogateRecord> earlier_surrogate(const Config& config, const RunDirectory* run) {
  if (config.surrogate_from.empty()) {
    return std::nullopt;
  }
  std::error_code code;
  const bool kept = run != nullptr && fs::exists(run->earlier_surrogate(), code);
  const fs::path from = kept ? run->earlier_surrogate() : fs::path(config.surrogate_from);
  nas::SurrogateRecord record = read_surrogate(from);
  try {
    nas::require_compatible(record, make_space(config).config());
    if (record.cells.empty()) {
      throw Error(ErrorKind::usage, "the saved surrogate has seen no cell yet; let its search measure some first");
    }
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("surrogate.from: {}: {}", from.string(), error.what()));
  }
  return record;
}

void keep_earlier_surrogate(const RunDirectory& run, const std::optional<nas::SurrogateRecord>& earlier) {
  std::error_code code;
  if (earlier && !fs::exists(run.earlier_surrogate(), code)) {
    write_file_atomic(run.earlier_surrogate(), std::string_view(to_json(*earlier)));
  }
}

}  // namespace bnas::cli
