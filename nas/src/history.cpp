// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/history.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "bnas/core/io/file.hpp"
#include "bnas/nas/measured_rewards.hpp"

namespace bnas::nas {
namespace {

/// As Python's str(float) and numpy's str(float32): the shortest text that reads back to the same number, with a
/// decimal point.
template <class T>
std::string python_float(T x) {
  std::string text = fmt::format("{}", x);
  return text.find_first_not_of("-0123456789") == std::string::npos ? text + ".0" : text;
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) {
    return text;
  }
  std::string quoted = "\"";
  for (const char c : text) {
    quoted += c == '"' ? "\"\"" : std::string(1, c);
  }
  return quoted + '"';
}

/// ",in1,op1,in2,op2,..." as the seeds write a cell.
std::string cell_fields(const Genotype& genotype, const SearchSpace& space) {
  const bool flat = space.config().kind == SpaceKind::flat;
  std::string fields;
  const auto half = [&](int input, std::size_t op) {
    fields += fmt::format(",{},{}", flat && input < 0 ? 0 : input, csv_field(space.config().operators.at(op)));
  };
  for (const Block& b : genotype.blocks) {
    half(b.in0, b.op0);
    half(b.in1, b.op1);
  }
  return fields;
}

/// As numpy prints a 1 x n array of zeros with index + 1 at `index`, on one line.
std::string one_hot(int index, int n) {
  const std::string value = fmt::format("{}.", index + 1);
  std::vector<std::string> entries(static_cast<std::size_t>(n), fmt::format("{:>{}}", "0.", value.size()));
  entries[static_cast<std::size_t>(index)] = value;
  return fmt::format("[[{}]]", fmt::join(entries, " "));
}

std::string representation(const Genotype& genotype, const SearchSpace& space) {
  const int inputs = std::max(space.config().blocks, space.input_tokens());
  const int operations = static_cast<int>(space.config().operators.size());
  const std::vector<std::int32_t> tokens = space.tokens(genotype);
  std::vector<std::string> vectors;
  for (std::size_t i = 0; i < tokens.size(); i += 4) {  // input0, input1, op0, op1
    vectors.push_back(one_hot(tokens[i], inputs));
    vectors.push_back(one_hot(tokens[i + 2], operations));
    vectors.push_back(one_hot(tokens[i + 1], inputs));
    vectors.push_back(one_hot(tokens[i + 3], operations));
  }
  return fmt::format("{}", fmt::join(vectors, " "));
}

std::size_t finished_prefix(const std::vector<Trial>& trials) {
  const auto first_open =
      std::find_if(trials.begin(), trials.end(), [](const Trial& t) { return !is_final(t.status); });
  return static_cast<std::size_t>(first_open - trials.begin());
}

}  // namespace

std::string train_history_csv(const std::vector<Trial>& trials, const SearchSpace& space) {
  const int whole = whole_epochs(trials);
  std::string csv;
  for (std::size_t i = 0; i < finished_prefix(trials); ++i) {
    if (trials[i].status == TrialStatus::done && trials[i].budget.epochs == whole) {
      csv += python_float(trials[i].reward) + cell_fields(trials[i].genotype, space) + "\r\n";
    }
  }
  return csv;
}

std::string scores_csv(std::span<const ScoredCell> cells, const SearchSpace& space) {
  std::string csv;
  for (const ScoredCell& cell : cells) {
    csv += python_float(static_cast<float>(cell.score)) + cell_fields(cell.genotype, space) + "\r\n";
  }
  return csv;
}

std::string architectures_txt(const std::vector<Trial>& trials, const SearchSpace& space) {
  std::map<int, std::size_t> last_of_level;  // index of its last trial
  for (std::size_t i = 0; i < trials.size(); ++i) {
    last_of_level[trials[i].level] = i;
  }
  // Trailing blanks are part of the format.
  std::string text = "All the evaluated architectures will be logged in this file. \n \n \n";
  int level = 0;
  const int whole = whole_epochs(trials);
  const std::size_t finished = finished_prefix(trials);
  for (std::size_t i = 0; i < trials.size() && i <= finished; ++i) {
    const Trial& t = trials[i];
    if (t.level != level) {
      level = t.level;
      text += fmt::format("---- B= {} Architectures ---- \n", level - 1);
    }
    if (i == finished) {
      break;
    }
    if (t.status == TrialStatus::done && t.budget.epochs == whole) {
      text += fmt::format("\nSr. No: {}\nReward: {}\nArchitecture: {}\nRepresentation String: \"{}\"\n", t.rank,
                          python_float(t.reward), t.text, representation(t.genotype, space));
    }
    if (last_of_level[level] == i) {
      text += "\n \n --------------------EXPERIMENT FINISHED------------------- \n \n";
    }
  }
  return text;
}

void export_history(const std::vector<Trial>& trials, const SearchSpace& space,
                    const std::filesystem::path& directory) {
  write_file_atomic(directory / "train_history.csv", std::string_view(train_history_csv(trials, space)));
  write_file_atomic(directory / "architectures.txt", std::string_view(architectures_txt(trials, space)));
}

}  // namespace bnas::nas
