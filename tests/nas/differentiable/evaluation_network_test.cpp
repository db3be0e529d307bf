// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/differentiable/evaluation_network.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "bnas/core/backend.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/step_feed.hpp"

namespace bnas::nas {
namespace {

constexpr RandomKey kKey{5, 0, RandomPurpose::init};

const char* const kPcDarts =
    "normal[sep_conv_3x3(1)+skip_connect(0)|sep_conv_3x3(0)+dil_conv_3x3(1)|sep_conv_5x5(0)+sep_conv_3x3(1)|"
    "avg_pool_3x3(0)+dil_conv_3x3(1)] reduce[sep_conv_5x5(1)+max_pool_3x3(0)|sep_conv_5x5(1)+sep_conv_5x5(2)|"
    "sep_conv_3x3(0)+sep_conv_3x3(3)|sep_conv_3x3(1)+sep_conv_3x3(2)]";
const char* const kDartsV2 =
    "normal[sep_conv_3x3(0)+sep_conv_3x3(1)|sep_conv_3x3(0)+sep_conv_3x3(1)|sep_conv_3x3(1)+skip_connect(0)|"
    "skip_connect(0)+dil_conv_3x3(2)] reduce[max_pool_3x3(0)+max_pool_3x3(1)|skip_connect(2)+max_pool_3x3(1)|"
    "max_pool_3x3(0)+skip_connect(2)|skip_connect(2)+max_pool_3x3(1)]";
// Kim et al. 2020, network A: two convolutions in a normal cell, and zeros.
const char* const kBnasA =
    "normal[dil_dense_3x3(0)+dense_3x3(1)|none(0)+none(1)|none(0)+none(1)|none(0)+none(1)] "
    "reduce[max_pool_3x3(0)+none(1)|max_pool_3x3(0)+none(1)|max_pool_3x3(0)+none(1)|max_pool_3x3(0)+none(1)]";

class EvaluationNetworkTest : public testing::Test {
 protected:
  std::int64_t count(const EvaluationConfig& config, const char* genotype) {
    return EvaluationNetwork(*stream_, config, DartsGenotype::parse(genotype), kKey).parameter_count(false);
  }
  Tensor images(std::int64_t n, std::int64_t side) {
    const RandomKey key{3, 0, RandomPurpose::synthetic};
    std::vector<float> pixels(static_cast<std::size_t>(n * side * side * 3));
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      pixels[i] = 2.0F * key.uniform(i) - 1.0F;
    }
    return Tensor::from_host(*stream_, {n, side, side, 3}, std::span<const float>(pixels));
  }

  std::unique_ptr<Stream> stream_ = backend_for({}).make_stream();
};

TEST_F(EvaluationNetworkTest, ParameterCountsOfThePapers) {
  EvaluationConfig config;
  config.style.precision = Precision::parse("W32A32");
  EXPECT_EQ(count(config, kPcDarts), 3'634'678);
  EXPECT_EQ(count(config, kDartsV2), 3'349'342);
  config.style.operations = OperationSet::dense_1bit;
  config.style.precision = Precision::parse("W1A1");
  config.style.cell_skips = true;
  EXPECT_EQ(count(config, kBnasA), 5'578'252);
}

TEST_F(EvaluationNetworkTest, EveryStyleHasFiniteGradientsOfAllParameters) {
  for (const auto& [set, genotype] :
       {std::pair{OperationSet::darts_separable, kPcDarts},
        {OperationSet::dense_1bit,
         "normal[dil_dense_3x3(0)+dense_3x3(1)|dense_5x5(2)|dil_dense_5x5(3)|none(0)+dense_3x3(4)] "
         "reduce[dense_3x3(0)+max_pool_3x3(1)|dense_3x3(2)|avg_pool_3x3(3)|dense_3x3(0)]"},
        {OperationSet::group_shuffle,
         "normal[group_3x3(0)+skip_connect(1)|group_5x5(2)|dil_group_3x3(3)|dil_group_5x5(4)] "
         "reduce[skip_connect(0)+max_pool_3x3(1)|group_3x3(1)|group_3x3(3)|group_3x3(0)]"}}) {
    for (const char* precision : {"W32A32", "W1A32", "W1A1"}) {
      EvaluationConfig config;
      config.style.operations = set;
      config.style.precision = Precision::parse(precision);
      config.cells = 3;
      config.channels = 8;
      EvaluationNetwork net(*stream_, config, DartsGenotype::parse(genotype), kKey);
      net.begin_epoch(1, 2);
      net.prepare_weights();
      Tape tape(*stream_);
      Context ctx{*stream_, &tape, Mode::train, step_tensor(*stream_, {.random = {1, 1, RandomPurpose::dropout}})};
      const std::vector<std::int32_t> classes{1, 2, 3, 4};
      const Tensor labels = Tensor::from_host(*stream_, {4}, std::span<const std::int32_t>(classes));
      const auto [loss, logits] = net.loss(ctx, Var{images(4, 32)}, labels);
      tape.backward(loss);
      EXPECT_EQ(logits.shape(), (Shape{4, 10}));
      int without = 0;
      std::string names;
      net.parameters([&](const nn::Parameter& parameter) {
        double sum = 0.0;
        for (const float value : parameter.grad.to_host(*stream_)) {
          ASSERT_TRUE(std::isfinite(value)) << parameter.name;
          sum += std::fabs(static_cast<double>(value));
        }
        if (sum == 0.0) {
          ++without;
          names += parameter.name + " ";
        }
      });
      EXPECT_EQ(without, 0) << precision << " " << operation_set_name(set) << ": " << names;
    }
  }
}

TEST_F(EvaluationNetworkTest, TheAuxiliaryLossIsAddedInTrainingAlone) {
  EvaluationConfig config;
  config.cells = 3;
  config.channels = 8;
  const std::vector<std::int32_t> classes{1, 2};
  const Tensor labels = Tensor::from_host(*stream_, {2}, std::span<const std::int32_t>(classes));
  const auto loss = [&](bool auxiliary, float weight, Mode mode) {
    config.auxiliary = auxiliary;
    config.auxiliary_weight = weight;
    EvaluationNetwork net(*stream_, config, DartsGenotype::parse(kPcDarts), kKey);
    Context ctx{*stream_, nullptr, mode};
    return static_cast<double>(net.loss(ctx, Var{images(2, 32)}, labels).loss.value.to_host(*stream_)[0]);
  };
  const double alone = loss(false, 0.4F, Mode::train);
  EXPECT_EQ(loss(true, 0.0F, Mode::train), alone);
  const double one = loss(true, 1.0F, Mode::train) - alone;
  EXPECT_GT(one, 0.1);
  EXPECT_NEAR(loss(true, 0.25F, Mode::train) - alone, 0.25 * one, 1e-5);
  EXPECT_EQ(loss(true, 1.0F, Mode::eval), loss(false, 1.0F, Mode::eval));
}

TEST_F(EvaluationNetworkTest, LargeImagesAreReducedEightfoldBeforeTheCells) {
  EvaluationConfig config = EvaluationConfig::imagenet();
  EXPECT_TRUE(config.reduces(4) && config.reduces(9));
  config.cells = 3;
  config.channels = 8;
  config.classes = 7;
  EvaluationNetwork net(*stream_, config, DartsGenotype::parse(kPcDarts), kKey);
  Context ctx{*stream_, nullptr, Mode::train};
  const std::vector<std::int32_t> classes{1};
  const Tensor labels = Tensor::from_host(*stream_, {1}, std::span<const std::int32_t>(classes));
  EXPECT_TRUE(std::isfinite(net.loss(ctx, Var{images(1, 224)}, labels).loss.value.to_host(*stream_)[0]));
}

TEST_F(EvaluationNetworkTest, OperationsOfAnotherSetAreRefused) {
  EvaluationConfig config;
  config.style.operations = OperationSet::dense_1bit;
  EXPECT_THROW(EvaluationNetwork(*stream_, config, DartsGenotype::parse(kPcDarts), kKey), Error);
}

}  // namespace
}  // namespace bnas::nas
