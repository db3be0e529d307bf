// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/repeat_strategy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "bnas/core/error.hpp"

namespace bnas::nas {

using nlohmann::json;

RepeatStrategy::RepeatStrategy(Genotype genotype, int repeats) : genotype_(std::move(genotype)), repeats_(repeats) {
  if (repeats < 1) {
    throw Error(ErrorKind::usage, fmt::format("repeats is {}; it must be at least 1", repeats));
  }
}

std::vector<Proposal> RepeatStrategy::ask() {
  if (asked_) {
    return {};
  }
  asked_ = true;
  const int level = std::max(1, static_cast<int>(genotype_.blocks.size()));
  return std::vector<Proposal>(static_cast<std::size_t>(repeats_), Proposal{genotype_, level, std::nullopt});
}

void RepeatStrategy::tell(std::span<const Trial> trials) {
  check(asked_ && std::ssize(trials) == repeats_, name(), "tell() needs the whole batch that was asked");
}

/// That it was asked: whoever saves states does so after ask() and tell() alone.
std::string RepeatStrategy::state() const {
  const json config{{"strategy", name()}, {"children", repeats_}};
  return json{{"config", config}, {"planned_trials", repeats_}, {"quality", json::array()}}.dump();
}

void RepeatStrategy::restore(std::string_view state) {
  try {
    const json saved = json::parse(state).at("config");
    if (saved.at("strategy") != name() || saved.at("children") != repeats_) {
      throw Error(ErrorKind::bad_data,
                  fmt::format("the saved strategy state is of {} repeats of {}, now it is {} of {}; resume with the "
                              "configuration of the run, or start a new one",
                              saved.at("children").dump(), saved.at("strategy").dump(), repeats_, name()));
    }
  } catch (const json::exception& e) {
    throw Error(ErrorKind::bad_data, std::string("the saved strategy state is damaged: ") + e.what());
  }
  asked_ = true;
}

}  // namespace bnas::nas
