// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/zero_cost.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "bnas/core/error.hpp"
#include "bnas/nas/network_builder.hpp"

namespace bnas::nas {
namespace {

TEST(ZeroCost, IsTheLogDeterminantOfAgreement) {
  // Two codes of 8 bits that differ in 2: K = [[1, 0.75], [0.75, 1]], det = 1 - 0.5625.
  EXPECT_DOUBLE_EQ(log_det_agreement(std::vector<BinaryCode>{{0b00001111}, {0b00001100}}, 8), std::log(0.4375));
  // Three codes of 70 bits, over two words: agreements 60/70, 69/70, 59/70.
  const std::vector<BinaryCode> codes{{0, 0}, {0x3FF, 0}, {0, 0b100000}};
  const double a = 60.0 / 70.0;
  const double b = 69.0 / 70.0;
  const double c = 59.0 / 70.0;
  EXPECT_NEAR(log_det_agreement(codes, 70), std::log(1.0 + 2.0 * a * b * c - a * a - b * b - c * c), 1e-12);
  EXPECT_EQ(log_det_agreement(std::vector<BinaryCode>{{7}, {7}}, 8), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(log_det_agreement(std::vector<BinaryCode>{{5}}, 8), 0.0);
  EXPECT_THROW(static_cast<void>(log_det_agreement({}, 8)), Error);
}

class ZeroCostOfNetworks : public testing::Test {
 protected:
  double score(const std::string& text, std::uint64_t seed = 1) const {
    NetworkConfig network;
    network.height = 12;
    network.width = 12;
    network.cells = 2;
    network.filters = {4, 6};
    network.dense = {10};
    const Genotype cell = space_.canonical(space_.parse(text));
    return zero_cost_score(build_network_plan(space_, cell, OperationRegistry::builtin(), network), {},
                           {seed, 0, RandomPurpose::init}, images_);
  }

  static Dataset images() {
    Dataset data;
    data.name = "noise";
    data.count = 8;
    data.height = data.width = 12;
    data.classes = 2;
    for (std::uint64_t i = 0; i < 8 * 144; ++i) {
      data.pixels.push_back(static_cast<std::uint8_t>(RandomKey{3, 0, RandomPurpose::synthetic}.below(i, 256)));
    }
    data.labels.assign(8, 0);
    return data;
  }

  SearchSpace space_{SpaceConfig::flat({"3x3 bconv", "5x5 bconv", "3x3 maxpool"}, 2)};
  Dataset images_ = images();
};

TEST_F(ZeroCostOfNetworks, IsAFunctionOfTheSeed) {
  const std::string text = "[0, '3x3 bconv', 0, '5x5 bconv']";
  EXPECT_TRUE(std::isfinite(score(text)));
  EXPECT_LT(score(text), 0.0);
  EXPECT_EQ(score(text), score(text));
  EXPECT_NE(score(text), score(text, 2));
}

TEST_F(ZeroCostOfNetworks, WithoutSignsThereIsNothingToCount) {
  EXPECT_EQ(score("[0, '3x3 maxpool', 0, '3x3 maxpool']"), -std::numeric_limits<double>::infinity());
}

TEST_F(ZeroCostOfNetworks, EqualImagesCannotBeToldApart) {
  for (std::size_t i = 0; i < 144; ++i) {
    images_.pixels[144 + i] = images_.pixels[i];
  }
  EXPECT_EQ(score("[0, '3x3 bconv', 0, '5x5 bconv']"), -std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace bnas::nas
