// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/differentiable/differentiable_search.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "bnas/core/backend.hpp"
#include "bnas/core/data/synthetic.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/io/checkpoint.hpp"
#include "bnas/core/trace.hpp"
#include "bnas/nas/child_trainer.hpp"
#include "bnas/nas/differentiable/cell_cost.hpp"
#include "bnas/nas/differentiable/supernet.hpp"
#include "support/scratch.hpp"

namespace bnas::nas {
namespace {

using Json = nlohmann::json;
using test::Scratch;

/// Three classes of 8x8 images.
SyntheticSpec images() {
  SyntheticSpec spec;
  spec.train_count = 46;  // with those of validation, halves of 35: the last batch is short
  spec.test_count = 24;
  spec.height = spec.width = 8;
  spec.channels = 3;
  spec.classes = 3;
  return spec;
}

DifferentiableConfig tiny(const std::string& strategy = "bnas") {
  DifferentiableConfig config = DifferentiableConfig::preset(strategy);
  config.network.cells = 1;
  config.network.channels = 4;
  config.network.stem_multiplier = 1;
  config.network.channel_ratio = 2;
  config.warmup_epochs = 1;
  config.frozen_epochs = 0;
  config.reduction.passes = 1;
  config.batch_size = config.trial_batch_size = 16;
  config.recalibration_batches = 2;
  return config;
}

class DifferentiableSearchTest : public testing::Test {
 protected:
  DifferentiableResult run(const DifferentiableConfig& config, const std::filesystem::path& directory,
                           std::size_t stop_after = 0) {
    DifferentiableSearch search(config, train_, valid_, {});
    std::atomic<bool> stop{false};
    std::size_t events = 0;
    DifferentiableContext context{.directory = directory, .stop = &stop};
    context.on_event = [&](const std::string&) { stop = stop || ++events == stop_after; };
    return search.run(context);
  }

  static Checkpoint last_checkpoint(const std::filesystem::path& directory) {
    return CheckpointStore(directory, "run", 1).load()->checkpoint;
  }

  static std::vector<Json> events(const DifferentiableResult& result, const std::string& kind) {
    std::vector<Json> found;
    for (const std::string& line : result.history) {
      const Json json = Json::parse(line);
      if (json.at("event") == kind) {
        found.push_back(json);
      }
    }
    return found;
  }

  Train train_{make_synthetic_train(images())};
  Valid valid_{make_synthetic_test(images())};
};

TEST(DifferentiableConfig, LedgerOfThePaper) {
  const EpochLedger ledger = epoch_ledger(DifferentiableConfig::preset("bnas"));
  EXPECT_EQ(ledger.trials, 57);
  EXPECT_EQ(ledger.supernet, 12);
  EXPECT_EQ(epoch_ledger(DifferentiableConfig::preset("pc-darts")).all(), 50);
  EXPECT_THROW(DifferentiableConfig::preset("dart"), Error);
}

TEST(DifferentiableConfig, KeysAreRangeChecked) {
  DifferentiableConfig config;
  config.arch_lr = -1.0F;
  try {
    config.validate();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_THAT(error.what(), testing::HasSubstr("arch_lr is -1"));
  }
}

TEST(ScoreRule, Formulas) {
  EXPECT_EQ(ScoreRule{}.score(0.5, 0.9, 100, 100), 0.5);
  EXPECT_DOUBLE_EQ((ScoreRule{.method = ScoreMethod::parent_child}.score(0.5, 0.75, 0, 0)), 2.0 * 0.25 + 0.5);
  const ScoreRule penalized{.method = ScoreMethod::penalized,
                            .target_kilobytes = 10,
                            .kilobyte_penalty = 0.01,
                            .target_megaops = 20,
                            .megaop_penalty = 0.1};
  EXPECT_DOUBLE_EQ(penalized.score(0.9, 0, 20, 19), 0.9 - 0.1);
  EXPECT_DOUBLE_EQ(penalized.score(0.9, 0, 5, 21), 0.9 - 0.1);
}

// By hand: sep_conv_3x3 of 8 channels on 4x4 pixels is twice 9 * 8 + 8 * 8 weights, each used on 16 pixels.
TEST(CellCost, CountsWeightsAndMultiplications) {
  CellStyle style;
  NetworkCost cost = operation_cost(candidate("sep_conv_3x3"), 8, 4, 4, 1, style);
  EXPECT_EQ(cost.binary_weights, 2 * (72 + 64));
  EXPECT_EQ(cost.real_macs, 2 * (72 + 64) * 16);
  EXPECT_EQ(cost.binary_macs, 0);
  style.precision = Precision::parse("W1A1");
  cost = operation_cost(candidate("dil_conv_5x5"), 8, 5, 5, 2, style);
  EXPECT_EQ(cost.binary_macs, (25 * 8 + 64) * 9);
  style.precision = Precision::parse("W32A32");
  EXPECT_EQ(operation_cost(candidate("skip_connect"), 8, 4, 4, 2, style).real_weights, 64);
  EXPECT_EQ(operation_cost(candidate("skip_connect"), 8, 4, 4, 1, style).real_macs, 0);
  EXPECT_EQ(operation_cost(candidate("dense_3x3"), 8, 4, 4, 1, style).real_weights, 9 * 64);
  EXPECT_EQ(operation_cost(candidate("group_3x3"), 24, 4, 4, 1, style).real_weights, 9 * 24 * 2);
}

// Weights of the supernet's own parameters, less norms: an independent count of the same network.
TEST(CellCost, AgreesWithTheParametersOfASinglePath) {
  const auto stream = backend_for({}).make_stream();
  for (const auto set : {OperationSet::darts_separable, OperationSet::dense_1bit, OperationSet::group_shuffle}) {
    SupernetConfig config;
    config.style.operations = set;
    config.cells = 4;
    config.channels = 8;
    Supernet net(*stream, config, {1, 0, RandomPurpose::init});
    Selection selection;
    for (std::size_t type = 0; type < 2; ++type) {
      for (std::size_t edge = 0; edge < kCellEdges; ++edge) {
        selection[type][edge] = static_cast<int>((edge * 5 + type) % candidates(set).size());
      }
    }
    net.set_alive(selection);
    std::int64_t weights = 0;
    for (const nn::Parameter* p : net.alive_parameters()) {
      const bool counted = p->name.ends_with(".weight") || p->name == "classifier.bias";
      weights += counted ? p->value.numel() : 0;
    }
    const NetworkCost cost = selection_cost(config, selection, 32, 32);
    EXPECT_EQ(cost.binary_weights + cost.real_weights, weights) << operation_set_name(set);
  }
}

TEST_F(DifferentiableSearchTest, ComesDownToOneOperationPerEdge) {
  const Scratch scratch;
  const DifferentiableConfig config = tiny();
  const DifferentiableResult result = run(config, scratch.path());
  EXPECT_EQ(events(result, "epoch").size(), 8U);  // 1 + 7 removals
  EXPECT_EQ(events(result, "trial").size(), 19U);
  EXPECT_EQ(events(result, "round").size(), 7U);
  EXPECT_EQ(events(result, "removal").size(), 7U);
  EXPECT_EQ(DartsGenotype::parse(result.genotype.text()), result.genotype);
  std::vector<std::string> decisions;
  for (const std::string& line : result.history) {
    if (Json::parse(line).at("event") != "epoch") {
      decisions.push_back(line);
    }
  }
  const auto replayed = Reduction::replay(config.reduction, 8, decisions);
  EXPECT_TRUE(replayed->done());
  for (const DartsEdge& edge : result.genotype.normal[1]) {
    const int operation = replayed->alive()[0][edge_from(1, edge.source)].front();
    EXPECT_EQ(edge.operation, candidates(OperationSet::darts_separable)[static_cast<std::size_t>(operation)].name);
  }
}

TEST_F(DifferentiableSearchTest, StoppedAnywhereItGoesOnToTheSameBits) {
  for (const char* strategy : {"bnas", "cp-nas", "abandit", "pc-darts"}) {
    DifferentiableConfig config = tiny(strategy);
    config.network.style.operations = OperationSet::dense_1bit;  // one operation fewer
    config.warmup_epochs = 3;
    config.entropy_weight = 0.1F;
    config.temperature_end = 0.5F;
    config.confident_lr = true;
    config.copy_weights = std::string(strategy) == "abandit";
    const Scratch whole, cut;
    const DifferentiableResult expected = run(config, whole.path());
    DifferentiableResult result;
    int stops = 0;
    for (std::size_t k = 1; result.history.empty(); k += 3) {  // farther each time: old events are told again
      try {
        result = run(config, cut.path(), k);
      } catch (const Interrupted&) {
        ++stops;
      }
    }
    EXPECT_GE(stops, std::string(strategy) == "pc-darts" ? 1 : 5);
    EXPECT_EQ(result.history, expected.history);
    EXPECT_EQ(result.genotype, expected.genotype);
    EXPECT_EQ(last_checkpoint(cut.path()).state.tensors, last_checkpoint(whole.path()).state.tensors) << strategy;
  }
}

/// Sets a flag when so many training steps have begun.
class StopAtStep final : public TraceSink {
 public:
  StopAtStep(std::atomic<bool>& stop, int steps) : stop_(stop), left_(steps), before_(set_trace_sink(this)) {}
  ~StopAtStep() override { set_trace_sink(before_); }
  void begin(TraceCategory category, const char*, std::int64_t) noexcept override {
    if (category == TraceCategory::step && --left_ == 0) {
      stop_ = true;
    }
  }
  void end() noexcept override {}
  void name_thread(const std::string&) noexcept override {}

 private:
  std::atomic<bool>& stop_;
  int left_;
  TraceSink* before_;
};

// A few steps at a time: from inside epochs and trials on, without a step done twice; with weights that trials copy,
// and with a parent, also from inside its part.
TEST_F(DifferentiableSearchTest, StoppedInsideAnEpochItGoesOnFromThatStep) {
  for (const auto& [copies, parent] : {std::pair{false, false}, {true, false}, {true, true}}) {
    DifferentiableConfig config = tiny();
    config.network.style.operations = OperationSet::dense_1bit;
    config.batch_size = config.trial_batch_size = 8;  // four whole batches of an epoch, and three images
    config.copy_weights = copies;
    config.score.method = parent ? ScoreMethod::parent_child : ScoreMethod::accuracy;
    const int steps = (parent ? 8 : 4) * epoch_ledger(config).all(), at_once = parent ? 3 : 2;
    const Scratch whole, cut;
    const DifferentiableResult expected = run(config, whole.path());
    DifferentiableSearch search(config, train_, valid_, {});
    DifferentiableResult result;
    int stops = 0;
    while (result.history.empty()) {
      std::atomic<bool> stop{false};
      const StopAtStep trigger(stop, at_once);
      try {
        result = search.run({.directory = cut.path(), .stop = &stop});
      } catch (const Interrupted&) {
        ++stops;
      }
    }
    EXPECT_EQ(stops, (steps - 1) / at_once) << "the last steps end the search";
    EXPECT_EQ(result.history, expected.history);
    EXPECT_EQ(result.genotype, expected.genotype);
    EXPECT_EQ(last_checkpoint(cut.path()).state.tensors, last_checkpoint(whole.path()).state.tensors);
  }
}

TEST_F(DifferentiableSearchTest, ForeignCheckpointsAreRefused) {
  const Scratch scratch;
  DifferentiableConfig config = tiny("pc-darts");
  run(config, scratch.path());
  config.seed = 2;
  try {
    run(config, scratch.path());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::bad_data);
    EXPECT_THAT(error.what(), testing::HasSubstr("another configuration"));
  }
}

/// The tensors of the checkpoint after `events` events.
std::map<std::string, StoredTensor> tensors_after(const std::function<void(std::size_t)>& run_until,
                                                  const std::filesystem::path& directory, std::size_t events) {
  try {
    run_until(events);
  } catch (const Interrupted&) {
  }
  return CheckpointStore(directory, "run", 1).load()->checkpoint.state.tensors;
}

TEST_F(DifferentiableSearchTest, ATrialChangesItsOwnOperationsAlone) {
  const Scratch scratch;
  const DifferentiableConfig config = tiny();
  const auto run_until = [&](std::size_t count) { run(config, scratch.path(), count); };
  const auto before = tensors_after(run_until, scratch.path(), 1);  // the warm-up epoch
  const auto after = tensors_after(run_until, scratch.path(), 3);   // the round's beginning and its first trial
  const DifferentiableResult result = run(config, scratch.path());
  const Json sampled = events(result, "trial")[0].at("operations")[0];
  std::set<std::string> alive;
  for (int edge = 0; edge < kCellEdges; ++edge) {
    const auto operation = sampled[static_cast<std::size_t>(edge)].get<std::size_t>();
    alive.insert("edge" + std::to_string(edge) + "." + candidates(OperationSet::darts_separable)[operation].name + ".");
  }
  int moved = 0;
  for (const auto& [name, tensor] : after) {
    const std::size_t at = name.find("edge");
    const bool dead = at != std::string::npos && std::none_of(alive.begin(), alive.end(), [&](const std::string& mine) {
                        return name.compare(at, mine.size(), mine) == 0;
                      });
    if (dead || name.rfind("alpha", 0) == 0 || name.rfind("beta", 0) == 0) {
      EXPECT_EQ(tensor, before.at(name)) << name;
    } else {
      moved += tensor == before.at(name) ? 0 : 1;
    }
  }
  EXPECT_GT(moved, 20);
}

// With a learning rate of 0 architecture steps change nothing but, where they may, running statistics.
TEST_F(DifferentiableSearchTest, ArchitectureStepsMoveStatisticsOnlyWhereTheyMay) {
  DifferentiableConfig config = tiny("pc-darts");
  config.arch_lr = 0.0F;
  std::array<std::map<std::string, StoredTensor>, 3> tensors;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const Scratch scratch;
    config.frozen_epochs = i == 0 ? 1 : 0;
    config.architecture_moves_statistics = i == 1;
    run(config, scratch.path());
    tensors[i] = last_checkpoint(scratch.path()).state.tensors;
  }
  int moved = 0;
  for (const auto& [name, tensor] : tensors[0]) {
    if (name.ends_with(".m") || name.ends_with(".v")) {
      continue;  // moments of Adam
    }
    EXPECT_EQ(tensors[2].at(name), tensor) << name;
    const bool statistics = name.find(".running_") != std::string::npos;
    moved += tensors[1].at(name) == tensor ? 0 : 1;
    EXPECT_TRUE(statistics || tensors[1].at(name) == tensor) << name;
  }
  EXPECT_GT(moved, 10);
}

TEST_F(DifferentiableSearchTest, FrozenEpochsLeaveTheArchitectureAlone) {
  DifferentiableConfig config = tiny();
  config.network.classes = 3;
  config.frozen_epochs = 1;
  const Scratch scratch;
  const DifferentiableResult result = run(config, scratch.path());
  const auto stream = backend_for({}).make_stream();
  Supernet fresh(*stream, config.network, {config.seed, 0, RandomPurpose::init});
  const ArchitectureValues start = fresh.architecture_values();
  const Json first = events(result, "round")[0].at("cells")[0].at("alpha");
  EXPECT_EQ(first.get<std::vector<std::vector<double>>>(),
            std::vector<std::vector<double>>(start[0].alpha.begin(), start[0].alpha.end()));
  EXPECT_NE(events(result, "round")[1].at("cells")[0].at("alpha"), first);
}

TEST_F(DifferentiableSearchTest, EveryStrategyLearns) {
  for (const char* strategy : {"pc-darts", "bnas"}) {
    DifferentiableConfig config = tiny(strategy);
    config.reduces = false;
    config.network.channels = 8;
    config.network.cells = 3;
    config.warmup_epochs = 8;
    config.schedule.lr_start = 0.05F;
    const Scratch scratch;
    const DifferentiableResult result = run(config, scratch.path());
    const std::vector<Json> epochs = events(result, "epoch");
    EXPECT_LT(epochs.back().at("loss").get<double>(), 0.7 * epochs.front().at("loss").get<double>()) << strategy;
    EXPECT_GT(epochs.back().at("accuracy").get<double>(), 0.7) << strategy;  // one in three by chance
    EXPECT_EQ(epochs.back().at("genotype").get<std::string>(), result.genotype.text());
  }
}

// Other validation images: another architecture where it sees them, and the same weights where it does not move.
TEST_F(DifferentiableSearchTest, ValidationImagesAreOfTheArchitecturesHalf) {
  const auto tensors = [&](const DifferentiableConfig& config) {
    const Scratch scratch;
    run(config, scratch.path());
    return last_checkpoint(scratch.path()).state.tensors;
  };
  const Valid first = valid_;
  Dataset others = valid_.data();
  std::reverse(others.pixels.begin(), others.pixels.end());
  for (const bool sees : {true, false}) {
    DifferentiableConfig config = tiny("pc-darts");
    config.architecture_sees_valid = sees;
    valid_ = first;
    const auto before = tensors(config);
    valid_ = Valid(others);
    EXPECT_EQ(tensors(config).at("alpha.normal") == before.at("alpha.normal"), !sees);
  }
  DifferentiableConfig config = tiny("pc-darts");
  config.arch_lr = 0.0F;
  config.architecture_moves_statistics = false;
  const auto after = tensors(config);
  valid_ = first;
  for (const auto& [name, tensor] : tensors(config)) {
    const bool moments = name.ends_with(".m") || name.ends_with(".v");
    EXPECT_TRUE(moments || tensor == after.at(name)) << name << ": weights saw a validation image";
  }
  Dataset few = train_.data();
  few = few.select(std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20});
  EXPECT_THROW(DifferentiableSearch(tiny(), Train(few), valid_, {}), Error) << "21 and 24: a half is more than 21";
}

TEST_F(DifferentiableSearchTest, EstimatesGrowWithBatchesAndParents) {
  DifferentiableConfig config = tiny();
  const auto estimate = [&] { return DifferentiableSearch(config, train_, valid_, {}).estimate(); };
  const SearchEstimate small = estimate();
  EXPECT_GT(small.seconds, 0.0);
  config.batch_size = 32;
  const SearchEstimate large = estimate();
  EXPECT_GT(large.bytes, 1.5 * small.bytes) << "twice the batch";
  config.score.method = ScoreMethod::parent_child;
  EXPECT_GT(estimate().bytes, large.bytes);
}

TEST_F(DifferentiableSearchTest, TooFewImagesAreRefused) {
  DifferentiableConfig config = tiny();
  config.batch_size = 36;
  EXPECT_THROW(DifferentiableSearch(config, train_, valid_, {}), Error);
}

}  // namespace
}  // namespace bnas::nas
