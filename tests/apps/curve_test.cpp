// SPDX-License-Identifier: Apache-2.0
#include "cli/curve.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <sstream>

namespace bnas::cli {
namespace {

nas::Trial trained(int epochs, bool hold_out = true) {
  nas::Trial trial;
  trial.id = 2;
  for (int e = 1; e <= epochs; ++e) {
    const double accuracy = static_cast<double>(e) / epochs;
    trial.curve.push_back(
        {e, 1.0 / e, accuracy, hold_out ? accuracy / 2 : std::numeric_limits<double>::quiet_NaN(), 0.001});
  }
  return trial;
}

TEST(Curve, CsvHasALinePerEpoch) {
  EXPECT_EQ(curve_csv({trained(2), trained(1, false)}),
            "repeat,epoch,learning_rate,train_loss,train_accuracy,valid_accuracy\n"
            "2,1,0.001,1,0.5,0.25\n"
            "2,2,0.001,0.5,1,0.5\n"
            "2,1,0.001,1,1,\n");
}

/// Rising accuracies give marks that rise to the right, between the least and the largest value.
TEST(Curve, PlotRisesFromTheLowerLeftToTheUpperRight) {
  const Terminal plain;
  for (const int epochs : {12, 300}) {
    const std::string plot = curve_plot(trained(epochs), plain, 79);
    std::istringstream lines(plot);
    std::string line;
    std::vector<std::size_t> last_train;
    for (int row = 0; row < 12 && std::getline(lines, line); ++row) {
      EXPECT_LE(line.size(), 79U);
      last_train.push_back(
          line.find_last_of('.') == std::string::npos || line.find_last_of('.') < 9 ? 0 : line.find_last_of('.'));
    }
    EXPECT_EQ(plot.substr(0, 9), "100.0 % |");
    const std::size_t width = static_cast<std::size_t>(std::min(epochs, 70));
    EXPECT_EQ(last_train.front(), 9 + width - 1) << plot;
    for (std::size_t row = 1; row < 6; ++row) {
      EXPECT_LT(last_train[row], last_train[row - 1]) << plot;
    }
    EXPECT_NE(plot.find('*'), std::string::npos);
  }
}

TEST(Curve, WhatWasNotMeasuredIsNotDrawn) {
  const Terminal plain;
  const std::string plot = curve_plot(trained(10, false), plain, 79);
  EXPECT_EQ(plot.find('*'), plot.rfind('*')) << "only in the legend";
  EXPECT_EQ(curve_plot(nas::Trial{}, plain, 79), "");
  EXPECT_EQ(curve_plot(trained(3), plain, 9), "") << "no room";
}

}  // namespace
}  // namespace bnas::cli
