// SPDX-License-Identifier: Apache-2.0
#include "score_sources.hpp"

#include <fmt/format.h>

#include "bnas/core/error.hpp"
#include "cli/config.hpp"

namespace bnas::cli {

nas::History read_accuracies(const std::vector<std::string>& files) {
  nas::History all;
  for (const std::string& file : files) {
    const nas::History history = nas::read_history(file);
    for (const nas::HistoryRow& row : history.rows) {
      if (row.value < 0.0 || row.value > 1.0) {
        throw Error(ErrorKind::bad_data,
                    fmt::format("{}:{}: {} is no accuracy between 0 and 1", file, row.line, row.value));
      }
    }
    nas::append_history(all, history);
  }
  return all;
}

nas::SurrogateConfig surrogate_by_name(const std::string& name, std::uint64_t seed) {
  const Config defaults;
  nas::SurrogateConfig config;
  config.kind = name;
  config.embedding = static_cast<int>(defaults.surrogate_embedding);
  config.hidden = static_cast<int>(defaults.surrogate_hidden);
  config.epochs = static_cast<int>(defaults.surrogate_epochs);
  config.seed = seed;
  if (constexpr std::string_view kSuffix = "-pairwise"; name.ends_with(kSuffix)) {
    config.kind.resize(name.size() - kSuffix.size());
    config.loss = nas::SurrogateLoss::pairwise;
    if (config.kind == "gp" || config.kind == "ridge" || config.kind == "blend") {
      throw Error(ErrorKind::usage, fmt::format("{}: {} has no loss to choose", name, config.kind));
    }
  }
  return config;
}

}  // namespace bnas::cli
