// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/progressive_strategy.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "bnas/core/error.hpp"
#include "support/toy_surrogate.hpp"
#include "support/toy_trainer.hpp"

namespace bnas::nas {
namespace {

using test::ToySurrogate;
using test::ToyTrainer;
using testing::HasSubstr;

// Two operators and two cell inputs: 4 halves, 4 * 5 / 2 = 10 one-block cells.
const SearchSpace& toy_space() {
  static const SearchSpace space(SpaceConfig::pnas({"linear", "3x3 bconv"}, 3));
  return space;
}

StrategyConfig toy_config() { return {.blocks = 3, .children = 4, .seed = 5}; }

std::unique_ptr<Strategy> make(const StrategyConfig& config = toy_config(),
                               std::shared_ptr<ToySurrogate::Calls> calls = std::make_shared<ToySurrogate::Calls>()) {
  return make_strategy(config, toy_space(), std::make_unique<ToySurrogate>(std::move(calls)));
}

using Reward = std::function<double(const Genotype&)>;

std::vector<Trial> measure(const std::vector<Proposal>& batch, const Reward& reward = ToyTrainer::quality) {
  std::vector<Trial> trials;
  for (const Proposal& p : batch) {
    Trial t;
    t.genotype = p.genotype;
    t.level = p.level;
    t.predicted = p.predicted;
    t.status = TrialStatus::done;
    t.reward = reward(p.genotype);
    trials.push_back(t);
  }
  return trials;
}

std::vector<Genotype> cells_of(const std::vector<Proposal>& batch) {
  std::vector<Genotype> cells;
  for (const Proposal& p : batch) {
    cells.push_back(p.genotype);
  }
  return cells;
}

/// The beam by its definition: every extension scored one by one, repeatedly taking the best remaining one.
std::vector<Genotype> beam_by_definition(const std::vector<Trial>& told, int level, std::size_t k) {
  std::vector<std::vector<std::int32_t>> tokens;
  std::vector<double> rewards;
  std::set<Genotype> candidates;
  for (const Trial& t : told) {
    if (t.status != TrialStatus::done) {
      continue;
    }
    tokens.push_back(toy_space().tokens(t.genotype));
    rewards.push_back(t.reward);
    if (t.level == level - 1) {
      const std::vector<Genotype> grown = toy_space().grow(t.genotype);
      candidates.insert(grown.begin(), grown.end());
    }
  }
  ToySurrogate surrogate;
  surrogate.fit(tokens, rewards);
  std::vector<Genotype> beam;
  while (beam.size() < k && !candidates.empty()) {
    const Genotype* best = nullptr;
    double best_mean = 0.0;
    for (const Genotype& cell : candidates) {  // ascending: the first among equals stays
      const double mean = surrogate.predict({{toy_space().tokens(cell)}})[0].mean;
      if (best == nullptr || mean > best_mean) {
        best = &cell;
        best_mean = mean;
      }
    }
    beam.push_back(*best);
    candidates.erase(beam.back());
  }
  return beam;
}

TEST(ProgressiveStrategy, FollowsAlgorithmOne) {
  const auto strategy = make();
  std::vector<Trial> told;
  std::set<Genotype> seen;
  for (int level = 1; level <= 3; ++level) {
    const std::vector<Proposal> batch = strategy->ask();
    EXPECT_EQ(cells_of(batch), level == 1 ? toy_space().first() : beam_by_definition(told, level, 4)) << level;
    for (const Proposal& p : batch) {
      EXPECT_EQ(p.level, level);
      EXPECT_EQ(p.predicted.has_value(), level > 1);
      EXPECT_EQ(p.genotype, toy_space().canonical(p.genotype));
      EXPECT_TRUE(seen.insert(p.genotype).second) << "proposed twice";
    }
    const std::vector<Trial> trials = measure(batch);
    told.insert(told.end(), trials.begin(), trials.end());
    strategy->tell(trials);
  }
  EXPECT_EQ(told.size(), 18U);
  EXPECT_TRUE(strategy->ask().empty());
  EXPECT_TRUE(strategy->ask().empty()) << "the end stays the end";
}

TEST(ProgressiveStrategy, TellsThePredictionsOfAllCandidates) {
  const auto strategy = make();
  const std::vector<Trial> told = measure(strategy->ask());
  EXPECT_TRUE(strategy->scores().empty()) << "nothing was predicted";
  strategy->tell(told);
  const std::vector<Proposal> batch = strategy->ask();
  std::set<Genotype> candidates;
  for (const Trial& t : told) {
    const std::vector<Genotype> grown = toy_space().grow(t.genotype);
    candidates.insert(grown.begin(), grown.end());
  }
  ASSERT_EQ(strategy->scores().size(), candidates.size());
  std::size_t i = 0;
  for (const Genotype& cell : candidates) {
    EXPECT_EQ(strategy->scores()[i++].genotype, cell);
  }
  for (const Proposal& p : batch) {
    const auto scores = strategy->scores();
    const auto own =
        std::find_if(scores.begin(), scores.end(), [&](const ScoredCell& s) { return s.genotype == p.genotype; });
    ASSERT_NE(own, scores.end());
    EXPECT_EQ(own->score, p.predicted);
  }
  const auto restored = make();
  restored->restore(strategy->state());
  EXPECT_TRUE(restored->scores().empty());
}

TEST(ProgressiveStrategy, KnowsWhatAnEarlierSearchMeasured) {
  const auto first = make();
  MeasuredRewards earlier;
  for (int level = 1; level <= 2; ++level) {
    const std::vector<Trial> told = measure(first->ask());
    first->tell(told);
    for (const Trial& t : told) {
      earlier.cells.push_back(t.genotype);
      earlier.rewards.push_back(t.reward);
    }
  }
  const auto calls = std::make_shared<ToySurrogate::Calls>();
  const auto make_knowing = [&](const MeasuredRewards& known) {
    return make_strategy(toy_config(), toy_space(), std::make_unique<ToySurrogate>(calls), {}, known);
  };
  const auto strategy = make_knowing(earlier);
  const std::vector<Proposal> batch = strategy->ask();
  EXPECT_EQ(cells_of(batch), toy_space().first()) << "level 1 is chosen as without";
  EXPECT_EQ(calls->fitted, 14U);
  for (const Proposal& p : batch) {
    EXPECT_TRUE(p.predicted.has_value());
  }
  strategy->tell(measure(batch));
  EXPECT_EQ(calls->fitted, 14U) << "its own ten cells took the place of the earlier ones, the larger four stay";
  EXPECT_GT(strategy->quality().at(0).extrapolation_spearman, 0.5) << "it knew the reward of each cell";

  const auto again = make_knowing(earlier);
  again->restore(strategy->state());
  EXPECT_EQ(cells_of(again->ask()), cells_of(strategy->ask()));
  EXPECT_THROW(make()->restore(strategy->state()), Error);
  MeasuredRewards other = earlier;
  other.rewards[3] += 0.001;
  EXPECT_THROW(make_knowing(other)->restore(strategy->state()), Error);
}

TEST(ProgressiveStrategy, LeavesUnmeasuredCellsOut) {
  const auto calls = std::make_shared<ToySurrogate::Calls>();
  const auto strategy = make(toy_config(), calls);
  std::vector<Trial> told = measure(strategy->ask());
  told[0].status = TrialStatus::failed;
  told[3].status = TrialStatus::diverged;
  strategy->tell(told);
  EXPECT_EQ(calls->fitted, 8U);
  EXPECT_EQ(cells_of(strategy->ask()), beam_by_definition(told, 2, 4));
}

TEST(ProgressiveStrategy, EndsWhenNothingWasMeasured) {
  const auto strategy = make();
  std::vector<Trial> told = measure(strategy->ask());
  for (Trial& t : told) {
    t.status = TrialStatus::failed;
  }
  strategy->tell(told);
  EXPECT_TRUE(strategy->ask().empty());
}

TEST(ProgressiveStrategy, NanPredictionsComeLast) {
  class Broken final : public Surrogate {
   public:
    std::string name() const override { return "broken"; }
    void fit(std::span<const std::vector<std::int32_t>>, std::span<const double>) override {}
    std::vector<Prediction> predict(std::span<const std::vector<std::int32_t>> tokens) const override {
      std::vector<Prediction> predictions(tokens.size(), {std::nan(""), 0.0});
      predictions.back().mean = -5.0;
      return predictions;
    }
  };
  const auto strategy = make_strategy(toy_config(), toy_space(), std::make_unique<Broken>());
  strategy->tell(measure(strategy->ask()));
  const std::vector<Proposal> batch = strategy->ask();
  EXPECT_EQ(batch[0].predicted, -5.0);
  EXPECT_LT(batch[1].genotype, batch[2].genotype);
  EXPECT_NE(strategy->state(), "");
}

TEST(ProgressiveStrategy, HalvingTrainsMoreCellsShortlyAndTheBestWholly) {
  StrategyConfig config = toy_config();
  config.halving = 3;  // of 4 children: 6 for a third of the epochs, 2 of them for all
  const auto strategy = make(config);
  const std::int64_t planned = strategy->planned_trials();
  EXPECT_EQ(planned, 10 + 2 * (6 + 2));
  std::vector<Trial> first = measure(strategy->ask());
  strategy->tell(first);
  std::string states;
  for (int level = 2; level <= 3; ++level) {
    const std::vector<Proposal> rung = strategy->ask();
    EXPECT_EQ(strategy->planned_trials(), planned);
    ASSERT_EQ(rung.size(), 6U);
    for (const Proposal& p : rung) {
      EXPECT_DOUBLE_EQ(p.effort, 1.0 / 3.0);
      EXPECT_EQ(p.level, level);
    }
    // The order of rewards is not that of predictions: the fourth and the second are best, the fourth diverges.
    std::vector<Trial> trials = measure(rung, [&](const Genotype& g) {
      for (std::size_t i = 0; i < rung.size(); ++i) {
        if (rung[i].genotype == g) {
          return 0.1 + 0.1 * static_cast<double>((i * 5 + 3) % 6);
        }
      }
      return 0.0;
    });
    std::vector<std::size_t> order{0, 1, 2, 3, 4, 5};
    std::sort(order.begin(), order.end(),
              [&](std::size_t a, std::size_t b) { return trials[a].reward > trials[b].reward; });
    trials[order[0]].status = TrialStatus::diverged;
    strategy->tell(trials);
    EXPECT_EQ(strategy->planned_trials(), planned);
    const std::string state = strategy->state();

    const std::vector<Proposal> second = strategy->ask();
    EXPECT_EQ(cells_of(second), (std::vector<Genotype>{rung[order[1]].genotype, rung[order[2]].genotype}));
    EXPECT_EQ(strategy->planned_trials(), planned);
    for (const Proposal& p : second) {
      EXPECT_EQ(p.effort, 1.0);
      EXPECT_EQ(p.level, level);
    }
    const auto again = make(config);
    again->restore(state);
    EXPECT_EQ(cells_of(again->ask()), cells_of(second)) << "after a kill between the rungs";
    strategy->tell(measure(second));
    if (level == 2) {  // only wholly trained cells grow
      std::set<Genotype> grown;
      for (const Proposal& p : second) {
        const std::vector<Genotype> more = toy_space().grow(p.genotype);
        grown.insert(more.begin(), more.end());
      }
      const auto next = make(config);
      next->restore(strategy->state());
      for (const Proposal& p : next->ask()) {
        EXPECT_TRUE(grown.contains(p.genotype));
      }
    }
  }
  EXPECT_TRUE(strategy->ask().empty());
  EXPECT_EQ(strategy->quality().size(), 3U) << "one per level, of the first rung";
  config.halving = 1;
  EXPECT_THROW(static_cast<void>(make(config)), Error);
}

TEST(ProgressiveStrategy, WarmUpTakesTheBestScores) {
  StrategyConfig config = toy_config();
  config.first_level_max = 3;
  config.warm_up = true;
  const std::vector<Genotype> all = toy_space().first();
  const auto score = [&](const Genotype& cell) {  // the last, the first and the fifth are best; one is undefined
    const auto i = std::find(all.begin(), all.end(), cell) - all.begin();
    return i == 2 ? std::nan("") : i == 9 ? 7.0 : i == 0 || i == 4 ? 5.0 : i == 7 ? 5.0 : -static_cast<double>(i);
  };
  const auto strategy = make_strategy(config, toy_space(), std::make_unique<ToySurrogate>(), score);
  EXPECT_EQ(cells_of(strategy->ask()), (std::vector<Genotype>{all[0], all[4], all[9]})) << "of equals the first";
  EXPECT_THROW(static_cast<void>(make_strategy(config, toy_space(), std::make_unique<ToySurrogate>())), Error);
  const auto other = make();  // the same without warm-up
  EXPECT_THROW(other->restore(strategy->state()), Error);
}

TEST(ProgressiveStrategy, SamplesALargeFirstLevel) {
  StrategyConfig config = toy_config();
  config.first_level_max = 6;
  const std::vector<Genotype> sample = cells_of(make(config)->ask());
  const std::vector<Genotype> all = toy_space().first();
  EXPECT_EQ(sample.size(), 6U);
  EXPECT_TRUE(std::is_sorted(sample.begin(), sample.end()));
  EXPECT_TRUE(std::includes(all.begin(), all.end(), sample.begin(), sample.end()));
  EXPECT_EQ(std::set<Genotype>(sample.begin(), sample.end()).size(), 6U);
  EXPECT_EQ(cells_of(make(config)->ask()), sample);
  EXPECT_EQ(make(config)->planned_trials(), 6 + 4 + 4);
  config.seed = 6;
  EXPECT_NE(cells_of(make(config)->ask()), sample);
  config.first_level_max = 10;
  EXPECT_EQ(cells_of(make(config)->ask()), all);
}

TEST(ProgressiveStrategy, ExploresAShareOfTheBeam) {
  const auto second_level = [](double share, std::uint64_t seed) {
    StrategyConfig config = toy_config();
    config.exploration = share;
    config.seed = seed;
    const auto strategy = make(config);
    strategy->tell(measure(strategy->ask()));
    return cells_of(strategy->ask());
  };
  const std::vector<Genotype> greedy = second_level(0.0, 1);
  const std::vector<Genotype> half = second_level(0.5, 1);
  ASSERT_EQ(half.size(), 4U);
  EXPECT_TRUE(std::equal(greedy.begin(), greedy.begin() + 2, half.begin()));
  EXPECT_NE(half, greedy);
  EXPECT_EQ(std::set<Genotype>(half.begin(), half.end()).size(), 4U);
  EXPECT_EQ(second_level(0.5, 1), half);
  EXPECT_NE(second_level(0.5, 2), half);
  EXPECT_EQ(second_level(0.0, 2), greedy);
}

TEST(ProgressiveStrategy, AssessesFitAndExtrapolation) {
  const auto strategy = make();
  // Rewards that a sum over operators explains in order, and then their opposite.
  const Reward by_operators = [](const Genotype& g) {
    double sum = 0.0;
    for (const Block& b : g.blocks) {
      sum += b.op0 + b.op1;
    }
    return sum / static_cast<double>(2 * g.blocks.size());
  };
  strategy->tell(measure(strategy->ask(), by_operators));
  ASSERT_EQ(strategy->quality().size(), 1U);
  EXPECT_EQ(strategy->quality()[0].level, 1);
  EXPECT_DOUBLE_EQ(strategy->quality()[0].fit_spearman, 1.0);
  EXPECT_DOUBLE_EQ(strategy->quality()[0].fit_kendall, 1.0);
  EXPECT_TRUE(std::isnan(strategy->quality()[0].extrapolation_spearman));

  StrategyConfig wide = toy_config();
  wide.children = 40;  // a beam with different predictions
  for (const double sign : {1.0, -1.0}) {
    const auto other = make(wide);
    other->tell(measure(other->ask(), by_operators));
    const std::vector<Proposal> batch = other->ask();
    std::vector<Trial> trials = measure(batch);
    for (std::size_t i = 0; i < trials.size(); ++i) {
      trials[i].reward = sign * *batch[i].predicted;  // exact: ties stay ties
    }
    other->tell(trials);
    ASSERT_EQ(other->quality().size(), 2U);
    EXPECT_DOUBLE_EQ(other->quality()[1].extrapolation_spearman, sign);
    EXPECT_DOUBLE_EQ(other->quality()[1].extrapolation_kendall, sign);
  }
}

TEST(ProgressiveStrategy, PlansWhatItWillAsk) {
  const auto strategy = make();
  EXPECT_EQ(strategy->planned_trials(), 10 + 4 + 4);
  std::int64_t asked = 0;
  for (auto batch = strategy->ask(); !batch.empty(); batch = strategy->ask()) {
    asked += static_cast<std::int64_t>(batch.size());
    EXPECT_EQ(strategy->planned_trials(), 18);
    strategy->tell(measure(batch));
  }
  EXPECT_EQ(asked, 18);
}

TEST(ProgressiveStrategy, ContinuesFromEveryState) {
  for (const char* kind : {"progressive", "random"}) {
    StrategyConfig config = toy_config();
    config.kind = kind;
    config.exploration = 0.25;
    std::vector<std::string> states;
    const auto whole = make(config);
    for (auto batch = whole->ask(); !batch.empty(); batch = whole->ask()) {
      states.push_back(whole->state());  // with a batch out
      std::vector<Trial> trials = measure(batch);
      trials[1].status = TrialStatus::diverged;
      whole->tell(trials);
      states.push_back(whole->state());  // told
    }
    ASSERT_EQ(states.size(), 6U);
    for (std::size_t i = 0; i < states.size(); ++i) {
      auto resumed = make(config);
      resumed->restore(states[i]);
      EXPECT_EQ(resumed->state(), states[i]);
      for (std::size_t next = i + 1; next < states.size(); ++next) {
        if (next % 2 == 0) {
          resumed->ask();
        } else {
          // What is out is known to the store only: here, to the state.
          auto replay = make(config);
          if (next >= 2) {
            replay->restore(states[next - 2]);
          }
          std::vector<Trial> trials = measure(replay->ask());
          trials[1].status = TrialStatus::diverged;
          resumed->tell(trials);
        }
        EXPECT_EQ(resumed->state(), states[next]) << kind << " from state " << i << " to " << next;
      }
    }
  }
}

std::string refusal(const std::function<void()>& action, ErrorKind kind) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind);
    return error.what();
  }
  return "accepted";
}

TEST(ProgressiveStrategy, RefusesStatesOfOthers) {
  const auto strategy = make();
  strategy->ask();
  const std::string state = strategy->state();
  StrategyConfig config = toy_config();
  config.children = 5;
  EXPECT_THAT(refusal([&] { make(config)->restore(state); }, ErrorKind::bad_data),
              HasSubstr("children = 4, now it is 5"));
  config = toy_config();
  config.seed = 6;
  EXPECT_THAT(refusal([&] { make(config)->restore(state); }, ErrorKind::bad_data), HasSubstr("seed = 5, now it is 6"));
  config = toy_config();
  config.kind = "random";
  EXPECT_THAT(refusal([&] { make(config)->restore(state); }, ErrorKind::bad_data), HasSubstr("strategy"));
  for (std::size_t length = 0; length < state.size(); length += 7) {
    refusal([&] { make()->restore(state.substr(0, length)); }, ErrorKind::bad_data);
  }
  for (const char* forged :
       {"[]", "{}", "{\"version\":2}", "{\"version\":\"1\"}", "nonsense", "{\"version\":1,\"config\":3}"}) {
    EXPECT_NE(refusal([&] { make()->restore(forged); }, ErrorKind::bad_data), "accepted") << forged;
  }
}

TEST(ProgressiveStrategy, RefusesToBeMisused) {
  const auto strategy = make();
  const std::vector<Proposal> batch = strategy->ask();
  EXPECT_THROW(strategy->ask(), Error);
  std::vector<Trial> trials = measure(batch);
  std::swap(trials[0], trials[1]);
  EXPECT_THROW(strategy->tell(trials), Error);
  trials = measure(batch);
  trials.pop_back();
  EXPECT_THROW(strategy->tell(trials), Error);
  trials = measure(batch);
  trials[2].status = TrialStatus::running;
  EXPECT_THROW(strategy->tell(trials), Error);
}

TEST(MakeStrategy, ExplainsWhatIsWrong) {
  const auto reason = [](const StrategyConfig& config) { return refusal([&] { make(config); }, ErrorKind::usage); };
  StrategyConfig config = toy_config();
  config.kind = "progresive";
  EXPECT_THAT(reason(config), HasSubstr("did you mean 'progressive'?"));
  config = toy_config();
  config.blocks = 4;
  EXPECT_THAT(reason(config), HasSubstr("blocks is 4"));
  config = toy_config();
  config.children = 0;
  EXPECT_THAT(reason(config), HasSubstr("children is 0"));
  config = toy_config();
  config.exploration = std::nan("");
  EXPECT_THAT(reason(config), HasSubstr("exploration"));
  EXPECT_THAT(refusal([] { make_strategy(toy_config(), toy_space(), nullptr); }, ErrorKind::usage),
              HasSubstr("needs a surrogate"));
}

}  // namespace
}  // namespace bnas::nas
