// SPDX-License-Identifier: Apache-2.0
// The work between two levels of a progressive search with the paper's settings: growing 256 cells of four blocks over
// eight operations into about 300,000 candidates, scoring them, refitting the surrogate.
#include <benchmark/benchmark.h>

#include <algorithm>

#include "bnas/nas/surrogate.hpp"

namespace {

using namespace bnas;
using namespace bnas::nas;
using Tokens = std::vector<std::int32_t>;

const SearchSpace& space() {
  static const SearchSpace paper(SpaceConfig::pnas({"a", "b", "c", "d", "e", "f", "g", "h"}, 5));
  return paper;
}

std::vector<Genotype> sample(int cells, int blocks) {
  std::vector<Genotype> all;
  all.reserve(static_cast<std::size_t>(cells));
  std::uint64_t index = 0;
  for (int i = 0; i < cells; ++i) {
    all.push_back(space().sample(blocks, {1, static_cast<std::uint64_t>(blocks), RandomPurpose::synthetic}, index));
  }
  return all;
}

std::vector<Genotype> grow_beam() {
  std::vector<Genotype> children;
  for (const Genotype& parent : sample(256, 4)) {
    const std::vector<Genotype> own = space().grow(parent);
    children.insert(children.end(), own.begin(), own.end());
  }
  std::sort(children.begin(), children.end());
  children.erase(std::unique(children.begin(), children.end()), children.end());
  return children;
}

/// What a search has measured when it leaves `level`: up to 256 cells of each size, rewards by their operations.
std::pair<std::vector<Tokens>, std::vector<double>> measured(int level) {
  std::pair<std::vector<Tokens>, std::vector<double>> data;
  for (int blocks = 1; blocks <= level; ++blocks) {
    for (const Genotype& g : sample(blocks == 1 ? 136 : 256, blocks)) {
      data.first.push_back(space().tokens(g));
      data.second.push_back(0.5 + 0.05 * g.blocks.back().op0);
    }
  }
  return data;
}

void grow(benchmark::State& state) {
  std::size_t cells = 0;
  for (auto _ : state) {
    cells = grow_beam().size();
  }
  state.counters["cells"] = static_cast<double>(cells);
}

void score(benchmark::State& state, const std::string& kind) {
  static const std::vector<Tokens> candidates = [] {
    std::vector<Tokens> all;
    for (const Genotype& g : grow_beam()) {
      all.push_back(space().tokens(g));
    }
    return all;
  }();
  SurrogateConfig config;
  config.kind = kind;
  config.epochs = 1;
  const auto surrogate = make_surrogate(config, space(), {});
  const auto [tokens, rewards] = measured(2);
  surrogate->fit(tokens, rewards);
  for (auto _ : state) {
    benchmark::DoNotOptimize(surrogate->predict(candidates).data());
  }
  state.counters["cells"] = static_cast<double>(candidates.size());
  state.counters["cells/s"] =
      benchmark::Counter(static_cast<double>(candidates.size()), benchmark::Counter::kIsIterationInvariantRate);
}

void fit(benchmark::State& state, const std::string& kind) {
  SurrogateConfig config;
  config.kind = kind;
  const auto surrogate = make_surrogate(config, space(), {});
  const auto [tokens, rewards] = measured(4);
  for (auto _ : state) {
    surrogate->fit(tokens, rewards);
  }
  state.counters["cells"] = static_cast<double>(tokens.size());
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::RegisterBenchmark("grow", grow)->Unit(benchmark::kSecond);
  for (const std::string kind : {"ridge", "gp", "blend", "mlp", "mlp-ensemble", "lstm", "lstm-ensemble"}) {
    benchmark::RegisterBenchmark(("score/" + kind).c_str(), score, kind)->Unit(benchmark::kSecond)->Iterations(1);
    benchmark::RegisterBenchmark(("fit/" + kind).c_str(), fit, kind)->Unit(benchmark::kSecond)->Iterations(1);
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
