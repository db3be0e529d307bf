// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/surrogate_record.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "bnas/core/error.hpp"

namespace bnas::nas {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr char kFormat[] = "bnas surrogate 1";
constexpr char kEncoding[] = "input0,input1,operation0,operation1 per block";  // SearchSpace::tokens
constexpr std::size_t kMostCells = 1'000'000;
constexpr std::array kLosses = {"l1", "mse", "pairwise"};

template <class T>
T in_range(const json& j, const char* key, double low, double high) {
  const json& value = j.at(key);
  if (!value.is_number() || !(value.get<double>() >= low && value.get<double>() <= high)) {
    throw Error(ErrorKind::bad_data,
                fmt::format("{} is {}, not a number from {} to {}", key, value.dump().substr(0, 40), low, high));
  }
  return value.get<T>();
}

SurrogateConfig config_from(const json& j) {
  SurrogateConfig c;
  c.kind = j.at("kind").get<std::string>();
  const auto loss = std::find(kLosses.begin(), kLosses.end(), j.at("loss").get<std::string>());
  if (loss == kLosses.end()) {
    throw Error(ErrorKind::bad_data, "loss is none of l1, mse and pairwise");
  }
  c.loss = static_cast<SurrogateLoss>(loss - kLosses.begin());
  c.embedding = in_range<int>(j, "embedding", 1, 1024);
  c.hidden = in_range<int>(j, "hidden", 1, 1024);
  c.epochs = in_range<int>(j, "epochs", 1, 100'000);
  c.lr_first = in_range<double>(j, "lr_first", 1e-12, 1e3);
  c.lr = in_range<double>(j, "lr", 1e-12, 1e3);
  c.regularization = in_range<double>(j, "regularization", 0, 1e6);
  c.members = in_range<int>(j, "members", 2, 64);
  c.seed = in_range<std::uint64_t>(j, "seed", 0, 1.8e19);
  return c;
}

SpaceConfig space_from(const json& j) {
  SpaceConfig s;
  s.kind = j.at("kind").get<std::string>() == "flat" ? SpaceKind::flat : SpaceKind::pnas;
  s.operators = j.at("operators").get<std::vector<std::string>>();
  s.blocks = in_range<int>(j, "blocks", 1, kMaxBlocks);
  s.look_back = in_range<int>(j, "look_back", 1, kMaxLookBack);
  s.look_forward = in_range<int>(j, "look_forward", -1, kMaxBlocks);
  s.combine = j.at("combine").get<std::string>() == "concat" ? Combine::concat : Combine::add;
  return s;
}

Genotype cell_from(const json& blocks) {
  Genotype cell;
  for (const json& b : blocks) {
    const auto v = b.get<std::array<std::int64_t, 4>>();
    const auto input = [](std::int64_t x) { return x >= -kMaxLookBack && x < kMaxBlocks; };
    const auto operation = [](std::int64_t x) { return x >= 0 && x < kMaxOperators; };
    if (!input(v[0]) || !operation(v[1]) || !input(v[2]) || !operation(v[3]) || cell.blocks.size() == kMaxBlocks) {
      throw Error(ErrorKind::bad_data, "a cell is out of range");
    }
    cell.blocks.push_back({static_cast<std::int8_t>(v[0]), static_cast<std::uint8_t>(v[1]),
                           static_cast<std::int8_t>(v[2]), static_cast<std::uint8_t>(v[3])});
  }
  return cell;
}

SurrogateRecord record_from(const json& j) {
  if (j.at("format") != kFormat) {
    throw Error(ErrorKind::bad_data, fmt::format("it is no \"{}\" file", kFormat));
  }
  if (j.at("encoding") != kEncoding) {
    throw Error(ErrorKind::bad_data, fmt::format("its cells are encoded as \"{}\", this program reads \"{}\"",
                                                 j.at("encoding").get<std::string>().substr(0, 80), kEncoding));
  }
  SurrogateRecord record{config_from(j.at("surrogate")), space_from(j.at("space")), {}, {}};
  const SearchSpace space(record.space);
  if (j.at("cells").size() > kMostCells || j.at("cells").size() != j.at("rewards").size()) {
    throw Error(ErrorKind::bad_data, fmt::format("it needs one reward for each cell and at most {} cells", kMostCells));
  }
  for (const json& cell : j.at("cells")) {
    record.cells.push_back(space.canonical(cell_from(cell)));
  }
  for (const json& reward : j.at("rewards")) {
    record.rewards.push_back(reward.get<double>());
    if (!(record.rewards.back() >= 0.0 && record.rewards.back() <= 1.0)) {
      throw Error(ErrorKind::bad_data, "a reward is not in [0, 1]");
    }
  }
  return record;
}

ordered_json to_json(const SpaceConfig& s) {
  return {{"kind", s.kind == SpaceKind::flat ? "flat" : "pnas"},
          {"operators", s.operators},
          {"blocks", s.blocks},
          {"look_back", s.look_back},
          {"look_forward", s.look_forward},
          {"combine", s.combine == Combine::add ? "add" : "concat"}};
}

}  // namespace

SurrogateRecord record_surrogate(const SurrogateConfig& config, const SpaceConfig& space,
                                 const std::vector<Trial>& trials, const MeasuredRewards& earlier) {
  const int whole = whole_epochs(trials);
  std::vector<Measurement> all;
  for (const Trial& t : trials) {
    if (!is_final(t.status)) {
      break;
    }
    if (t.status == TrialStatus::done) {
      all.push_back({&t.genotype, t.level, t.budget.epochs == whole, t.reward});
    }
  }
  MeasuredRewards measured = with_earlier(comparable_rewards(all), earlier);
  return {config, space, std::move(measured.cells), std::move(measured.rewards)};
}

std::string to_json(const SurrogateRecord& record) {
  const SurrogateConfig& c = record.config;
  ordered_json cells = ordered_json::array();
  for (const Genotype& cell : record.cells) {
    ordered_json blocks = ordered_json::array();
    for (const Block& b : cell.blocks) {
      blocks.push_back({b.in0, b.op0, b.in1, b.op1});
    }
    cells.push_back(std::move(blocks));
  }
  const ordered_json j{{"format", kFormat},
                       {"encoding", kEncoding},
                       {"surrogate",
                        {{"kind", c.kind},
                         {"loss", kLosses[static_cast<std::size_t>(c.loss)]},
                         {"embedding", c.embedding},
                         {"hidden", c.hidden},
                         {"epochs", c.epochs},
                         {"lr_first", c.lr_first},
                         {"lr", c.lr},
                         {"regularization", c.regularization},
                         {"members", c.members},
                         {"seed", c.seed}}},
                       {"space", to_json(record.space)},
                       {"cells", std::move(cells)},
                       {"rewards", record.rewards}};
  return j.dump() + "\n";
}

SurrogateRecord parse_surrogate_record(std::string_view text, const std::string& name) {
  try {
    return record_from(json::parse(text));
  } catch (const json::exception& error) {
    throw Error(ErrorKind::bad_data, fmt::format("{} is no saved surrogate: {}", name, error.what()));
  } catch (const Error& error) {
    throw Error(ErrorKind::bad_data, fmt::format("{} is no surrogate that can be restored: {}", name, error.what()));
  }
}

void require_compatible(const SurrogateRecord& record, const SpaceConfig& space) {
  const auto refuse = [](const std::string& what) {
    throw Error(ErrorKind::usage, "the saved surrogate cannot be used here: " + what);
  };
  const SpaceConfig& own = record.space;
  if (own.operators != space.operators) {
    refuse(fmt::format("its operators are {}, here they are {} (their order counts)", fmt::join(own.operators, ", "),
                       fmt::join(space.operators, ", ")));
  }
  if (own.kind != space.kind || own.look_back != space.look_back || own.look_forward != space.look_forward ||
      own.combine != space.combine) {
    refuse(fmt::format("its space is {}, here it is {}", to_json(own).dump(), to_json(space).dump()));
  }
  std::size_t largest = 0;
  for (const Genotype& cell : record.cells) {
    largest = std::max(largest, cell.blocks.size());
  }
  if (static_cast<std::size_t>(space.blocks) < largest) {
    refuse(fmt::format("it was fitted to cells of up to {} blocks, here blocks is {}", largest, space.blocks));
  }
}

std::unique_ptr<Surrogate> restore_surrogate(const SurrogateRecord& record, const SearchSpace& space, Device device) {
  require_compatible(record, space.config());
  if (record.cells.empty()) {
    throw Error(ErrorKind::usage, "the saved surrogate has seen no cell yet; let its search measure some first");
  }
  std::unique_ptr<Surrogate> surrogate = make_surrogate(record.config, space, device);
  std::vector<std::vector<std::int32_t>> tokens;
  for (const Genotype& cell : record.cells) {
    tokens.push_back(space.tokens(cell));
  }
  surrogate->fit(tokens, record.rewards);
  return surrogate;
}

}  // namespace bnas::nas
