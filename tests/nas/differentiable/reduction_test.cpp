// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/differentiable/reduction.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "bnas/core/error.hpp"

namespace bnas::nas {
namespace {

ArchitectureValues values_of(const std::vector<double>& alpha) {
  ArchitectureValues values;
  for (auto& cell : values) {
    cell.alpha.fill(alpha);
    cell.beta.fill(0.0);
  }
  return values;
}

/// Plays a round with rewards from a formula; the removals and, where asked, the selections.
template <class Reward>
Selection play(Reduction& reduction, const ArchitectureValues& values, Reward reward,
               std::vector<Selection>* selections = nullptr) {
  reduction.begin_round(values);
  while (const auto selection = reduction.next_trial()) {
    if (selections != nullptr) {
      selections->push_back(*selection);
    }
    reduction.tell(reward(*selection));
  }
  return reduction.finish_round();
}

// Section 2.6 of the algorithm, by hand: Osm = {0, 1} with ybar = (0.2, 0.4).
TEST(Reduction, ScoresOfTheWorkedExample) {
  const auto reduction = Reduction::make({.passes = 1}, 4);
  const Selection removed =
      play(*reduction, values_of({0.1, 0.2, 0.3, 0.4}), [](const Selection& s) { return s[0][0] == 0 ? 0.2 : 0.4; });
  const std::vector<double>& s = reduction->scores()[0][0];
  EXPECT_NEAR(s[0], 0.4502, 5e-5);
  EXPECT_NEAR(s[1], 0.5498, 5e-5);
  EXPECT_NEAR(s[2], 0.5249, 5e-5);
  EXPECT_EQ(s[2], s[3]);
  EXPECT_EQ(removed[0][0], 0);
  EXPECT_EQ(reduction->alive()[0][0], (std::vector<int>{1, 2, 3}));
}

TEST(Reduction, HistoryHalvesAndTheScaleSharpens) {
  const auto reduction = Reduction::make({.passes = 2, .score_scale = 10.0}, 3);
  const auto reward = [](const Selection& s) { return 0.1 * s[0][0]; };
  play(*reduction, values_of({0.0, 0.0, 1.0}), reward);  // Osm = {0, 1}
  const double e = std::exp(1.0);
  const std::vector<double> first = reduction->scores()[0][0];
  EXPECT_NEAR(first[1], e / (1.0 + e), 1e-12);
  EXPECT_NEAR(first[2], 0.5 * (e / (1.0 + e) + 0.5), 1e-12);
  EXPECT_EQ(reduction->alive()[0][0], (std::vector<int>{1, 2}));
  const Selection removed = play(*reduction, values_of({0.0, 5.0, 0.0}), reward);  // Osm = {2}
  EXPECT_NEAR(reduction->scores()[0][0][1], 0.5 * first[1] + 1.0, 1e-12);
  EXPECT_NEAR(reduction->scores()[0][0][2], 0.5 * first[2] + 1.0, 1e-12);
  EXPECT_EQ(removed[0][0], 2) << "with two left, history decides";
  EXPECT_NEAR(reduction->final_scores()[0][0], 0.5 * first[1] + 1.0, 1e-12);
}

// Two operations from the start: no history, both scores are 1, and the smaller alpha goes; equal ones keep the first.
TEST(Reduction, TieWithTwoLeft) {
  for (const auto& [alpha, gone] : {std::pair{std::vector<double>{0.5, 0.4}, 1}, {{0.3, 0.4}, 0}, {{0.4, 0.4}, 1}}) {
    const auto reduction = Reduction::make({}, 2);
    const Selection removed = play(*reduction, values_of(alpha), [](const Selection&) { return 0.7; });
    EXPECT_NEAR(reduction->scores()[1][13][0], reduction->scores()[1][13][1], 1e-12);
    EXPECT_EQ(removed[1][13], gone);
  }
  const auto both = Reduction::make({.try_both_at_two = true}, 2);
  const Selection removed =
      play(*both, values_of({0.9, 0.1}), [](const Selection& s) { return s[0][0] == 0 ? 0.1 : 0.9; });
  EXPECT_EQ(removed[0][0], 0) << "trials of both decide against alpha";
}

TEST(Reduction, EachPassIsAPermutationAndEdgesAreIndependent) {
  constexpr int kPasses = 3, kTried = 4;
  const auto reduction = Reduction::make({.passes = kPasses}, 8);
  std::vector<Selection> selections;
  play(
      *reduction, values_of({0.8, 0.1, 0.7, 0.2, 0.6, 0.3, 0.5, 0.4}), [](const Selection&) { return 0.5; },
      &selections);
  ASSERT_EQ(selections.size(), static_cast<std::size_t>(kPasses * kTried));
  std::set<std::vector<int>> sequences;
  for (std::size_t cell = 0; cell < 2; ++cell) {
    for (std::size_t edge = 0; edge < kCellEdges; ++edge) {
      std::vector<int> sequence;
      for (std::size_t pass = 0; pass < kPasses; ++pass) {
        std::vector<int> drawn;
        for (std::size_t e = 0; e < kTried; ++e) {
          drawn.push_back(selections[pass * kTried + e][cell][edge]);
        }
        sequence.insert(sequence.end(), drawn.begin(), drawn.end());
        std::sort(drawn.begin(), drawn.end());
        EXPECT_EQ(drawn, (std::vector<int>{1, 3, 5, 7})) << "the half with the smallest alpha, each once";
      }
      sequences.insert(sequence);
    }
  }
  EXPECT_GE(sequences.size(), 25U) << "28 edges of 24^3 possible sequences each";
}

TEST(Reduction, TrialsOfAllRoundsAreFiftySeven) {
  const auto trials = [](ReductionMethod method) {
    const auto reduction = Reduction::make({.method = method}, 8);
    int sum = 0;
    for (int left = 8; left > 1; --left) {
      sum += reduction->planned_trials(left);
    }
    return sum;
  };
  EXPECT_EQ(trials(ReductionMethod::bnas), 57);
  EXPECT_EQ(trials(ReductionMethod::cp_nas), 105);
  EXPECT_EQ(trials(ReductionMethod::abandit), 105);
  EXPECT_EQ(trials(ReductionMethod::alpha), 0);
}

// In the first round s_large >= the mean >= the least of s_small: what goes was tried.
TEST(Reduction, TheFirstRemovalComesFromTheTriedHalf) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto reduction = Reduction::make({.passes = 2, .score_scale = 100.0, .seed = seed}, 8);
    int calls = 0;
    const Selection removed = play(*reduction, values_of({0.8, 0.1, 0.7, 0.2, 0.6, 0.3, 0.5, 0.4}),
                                   [&](const Selection&) { return std::fmod(0.37 * ++calls, 1.0); });
    for (const auto& cell : removed) {
      for (const int operation : cell) {
        EXPECT_EQ(operation % 2, 1);
      }
    }
  }
}

TEST(Reduction, CpNasScoresByThisRoundAlone) {
  const auto reduction = Reduction::make({.method = ReductionMethod::cp_nas, .passes = 1}, 3);
  play(*reduction, values_of({0, 0, 0}), [](const Selection& s) { return s[0][0] == 1 ? 0.0 : 0.5; });
  EXPECT_EQ(reduction->alive()[0][0], (std::vector<int>{0, 2}));
  play(*reduction, values_of({0, 0, 0}), [](const Selection& s) { return s[0][0] == 0 ? 0.25 : 0.75; });
  EXPECT_NEAR(reduction->scores()[0][0][0], 1.0 / (1.0 + std::exp(0.5)), 1e-12);
  EXPECT_EQ(reduction->alive()[0][0], (std::vector<int>{2}));
}

// Bounds from the definition: m + sqrt(2 ln N / n), m <- (1 - r) m + r a.
TEST(Reduction, BanditAbandonsTheLowestUpperBound) {
  const auto reduction = Reduction::make({.method = ReductionMethod::abandit, .passes = 2, .value_rate = 0.25}, 3);
  std::vector<Selection> selections;
  const auto reward = [](const Selection& s) { return 0.3 * s[0][0]; };
  const Selection removed = play(*reduction, values_of({0, 0, 0}), reward, &selections);
  ASSERT_EQ(selections.size(), 6U);
  std::set<int> first_three;
  std::vector<double> m(3, 0.0);
  std::vector<int> n(3, 0);
  for (std::size_t i = 0; i < selections.size(); ++i) {
    const auto o = static_cast<std::size_t>(selections[i][0][0]);
    if (i < 3) {
      first_three.insert(selections[i][0][0]);
    }
    const double a = reward(selections[i]);
    m[o] = n[o]++ == 0 ? a : 0.75 * m[o] + 0.25 * a;
  }
  EXPECT_EQ(first_three.size(), 3U) << "each is tried before any is tried again";
  std::size_t lowest = 0;
  for (std::size_t o = 0; o < 3; ++o) {
    const double bound = m[o] + std::sqrt(2.0 * std::log(6.0) / n[o]);
    EXPECT_NEAR(reduction->scores()[0][0][o], bound, 1e-12);
    lowest = bound < reduction->scores()[0][0][lowest] ? o : lowest;
  }
  EXPECT_EQ(removed[0][0], static_cast<int>(lowest));
}

TEST(Reduction, AlphaAloneDropsTheSmallest) {
  const auto reduction = Reduction::make({.method = ReductionMethod::alpha}, 4);
  reduction->begin_round(values_of({0.4, 0.1, 0.3, 0.1}));
  EXPECT_FALSE(reduction->next_trial().has_value());
  EXPECT_EQ(reduction->finish_round()[0][0], 3);
}

/// A reward that depends on everything that was drawn.
double mixed_reward(const Selection& selection) {
  std::uint64_t hash = 7;
  for (const auto& cell : selection) {
    for (const int operation : cell) {
      hash = hash * 31 + static_cast<std::uint64_t>(operation);
    }
  }
  return static_cast<double>(hash % 1000) / 1000.0;
}

TEST(Reduction, ReplayOfAnyPrefixGoesOnAlike) {
  for (const auto method :
       {ReductionMethod::bnas, ReductionMethod::cp_nas, ReductionMethod::abandit, ReductionMethod::alpha}) {
    const ReductionConfig config{.method = method, .passes = 2, .seed = 5};
    const ArchitectureValues values = values_of({0.1, 0.30000000000000004, 1.0 / 3.0, 0.2});
    const auto whole = Reduction::make(config, 4);
    while (!whole->done()) {
      play(*whole, values, mixed_reward);
    }
    const std::vector<std::string>& journal = whole->journal();
    for (std::size_t length = 0; length <= journal.size(); ++length) {
      const auto resumed = Reduction::replay(config, 4, {journal.begin(), journal.begin() + static_cast<long>(length)});
      bool in_round = length > 0 && journal[length - 1].find("removal") == std::string::npos;
      while (!resumed->done()) {
        if (!in_round) {
          resumed->begin_round(values);
        }
        in_round = false;
        while (const auto selection = resumed->next_trial()) {
          resumed->tell(mixed_reward(*selection));
        }
        resumed->finish_round();
      }
      EXPECT_EQ(resumed->journal(), journal) << "resumed after line " << length;
    }
  }
}

TEST(Reduction, DamagedOrForeignJournalsAreRefused) {
  const ReductionConfig config{.passes = 1};
  const auto reduction = Reduction::make(config, 3);
  play(*reduction, values_of({0.3, 0.2, 0.1}), mixed_reward);
  const auto error_of = [&](const ReductionConfig& other, int operations, std::vector<std::string> journal) {
    try {
      Reduction::replay(other, operations, journal);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::bad_data);
      return std::string(error.what());
    }
    return std::string();
  };
  auto journal = reduction->journal();
  EXPECT_THAT(error_of({.passes = 1, .seed = 2}, 3, journal), testing::HasSubstr("line 2: another decision"));
  EXPECT_THAT(error_of(config, 4, journal), testing::HasSubstr("3 values of alpha, expected 4"));
  journal[1].resize(20);
  EXPECT_THAT(error_of(config, 3, journal), testing::HasSubstr("line 2"));
  for (const char* text : {"", "{}", "[]", "{\"event\":\"trial\"}", "{\"event\":\"round\",\"cells\":[1,2]}"}) {
    EXPECT_THAT(error_of(config, 3, {text}), testing::HasSubstr("line 1")) << text;
  }
}

}  // namespace
}  // namespace bnas::nas
