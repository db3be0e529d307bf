// SPDX-License-Identifier: Apache-2.0
#include "cli/curve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace bnas::cli {
namespace {

constexpr int kRows = 12;
constexpr int kMargin = 9;  // "100.0 % |"

std::string field(double x) { return std::isfinite(x) ? fmt::format("{}", x) : ""; }

}  // namespace

std::string curve_csv(const std::vector<nas::Trial>& trials) {
  std::string out = "repeat,epoch,learning_rate,train_loss,train_accuracy,valid_accuracy\n";
  for (const nas::Trial& trial : trials) {
    for (const nas::EpochMetrics& m : trial.curve) {
      out += fmt::format("{},{},{},{},{},{}\n", trial.id, m.epoch, field(m.learning_rate), field(m.train_loss),
                         field(m.train_accuracy), field(m.valid_accuracy));
    }
  }
  return out;
}

std::string curve_plot(const nas::Trial& trial, const Terminal& terminal, int columns) {
  const auto epochs = static_cast<int>(trial.curve.size());
  const int width = std::min(epochs, columns - kMargin);
  if (width < 1) {
    return "";
  }
  double low = 1.0, high = 0.0;
  for (const nas::EpochMetrics& m : trial.curve) {
    for (const double value : {m.train_accuracy, m.valid_accuracy}) {
      if (std::isfinite(value)) {
        low = std::min(low, value);
        high = std::max(high, value);
      }
    }
  }
  const double range = std::max(high - low, 1e-3);
  std::vector<std::string> cells(kRows * static_cast<std::size_t>(width), " ");
  const auto index = [columns = static_cast<std::size_t>(width)](int row, int column) {
    return static_cast<std::size_t>(row) * columns + static_cast<std::size_t>(column);
  };
  const auto put = [&](int column, double value, const char* mark) {
    if (std::isfinite(value)) {
      const int row = static_cast<int>(std::lround((high - value) / range * (kRows - 1)));
      cells[index(std::clamp(row, 0, kRows - 1), column)] = mark;
    }
  };
  const char* train = terminal.utf8 ? "·" : ".";
  const char* valid = terminal.utf8 ? "●" : "*";
  for (int column = 0; column < width; ++column) {  // the last epoch that falls into a column
    const nas::EpochMetrics& m = trial.curve[static_cast<std::size_t>((column + 1) * epochs / width - 1)];
    put(column, m.train_accuracy, train);
    put(column, m.valid_accuracy, valid);
  }
  std::string out;
  for (int row = 0; row < kRows; ++row) {
    const double level = 100.0 * (high - range * row / (kRows - 1));
    std::string line = row % 3 == 0 || row == kRows - 1 ? fmt::format("{:5.1f} % |", level) : std::string(8, ' ') + "|";
    for (int column = 0; column < width; ++column) {
      line += cells[index(row, column)];
    }
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  const std::string last = std::to_string(epochs);
  out += std::string(8, ' ') + "+" + std::string(static_cast<std::size_t>(width), '-') + "\n";
  out +=
      fmt::format("{:>9}{}{}\n", 1,
                  std::string(static_cast<std::size_t>(std::max(1, width - static_cast<int>(last.size()))), ' '), last);
  return out + fmt::format("         {} training  {} validation accuracy over epochs\n", train, valid);
}

}  // namespace bnas::cli
