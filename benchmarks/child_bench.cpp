// SPDX-License-Identifier: Apache-2.0
// Trains the reference child [0, '3x3 bconv', 0, '5x5 bconv'] (flat, 3 cells, filters 16/24/32, dense 32/10, batch
// 128), one child per core, and prints images per second, time per kernel, peak memory, and how near the packed
// convolutions come to the popcount bound of this processor, measured in the same run.
//   child_bench [THREADS [ROUNDS]]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "bnas/core/backend.hpp"
#include "bnas/core/kernels/optim.hpp"
#include "bnas/core/step_feed.hpp"
#include "bnas/nas/cell_network.hpp"
#include "bnas/nas/network_builder.hpp"
#include "bnas/nas/training.hpp"
#include "kernels/peaks.hpp"

namespace {

using namespace bnas;
using namespace bnas::nas;
using Clock = std::chrono::steady_clock;

constexpr int kBatch = 128;
constexpr int kStepsPerRound = 40;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

/// Time and calls by kernel.
class Profile final : public KernelObserver {
 public:
  struct Entry {
    double seconds = 0.0;
    std::int64_t calls = 0;
  };
  void begin(const char*) override { start_ = Clock::now(); }
  void end(const char* op) override {
    Entry& entry = entries_[op];
    entry.seconds += seconds_since(start_);
    ++entry.calls;
  }
  const std::map<std::string, Entry>& entries() const { return entries_; }

 private:
  Clock::time_point start_;
  std::map<std::string, Entry> entries_;
};

NetworkPlan reference_plan() {
  const SearchSpace space(SpaceConfig::flat({"3x3 bconv", "5x5 bconv"}, 1));
  return build_network_plan(space, Genotype{{{-1, 0, -1, 1}}}, OperationRegistry::builtin(), {});
}

/// One child with its own stream on synthetic images.
class Child {
 public:
  Child()
      : stream_(backend_for({}).make_stream()),
        training_(*stream_, std::make_unique<CellNetwork>(*stream_, reference_plan(), Recipe{}, RandomKey{1}), {}) {
    images_ = Tensor::zeros(*stream_, {kBatch * 8, 28, 28, 1}, DType::u8);
    labels_ = Tensor::zeros(*stream_, {kBatch * 8}, DType::i32);
    const RandomKey key{3};
    for (std::int64_t i = 0; i < images_.numel(); ++i) {
      images_.data<std::uint8_t>()[i] = static_cast<std::uint8_t>(key.bits(static_cast<std::uint64_t>(i)));
    }
    order_ = Tensor::zeros(*stream_, {kBatch * 8}, DType::i32);
    for (std::int32_t i = 0; i < kBatch * 8; ++i) {
      order_.data<std::int32_t>()[i] = i;
      labels_.data<std::int32_t>()[i] = i % 10;
    }
  }

  void steps(int count) {
    for (int s = 0; s < count; ++s) {
      StepValues values = training_.step_values(s + 1, 1e-3F, RandomKey{});
      values.first_row = s % 8 * kBatch;
      const Tensor step = step_tensor(*stream_, values);
      Tensor batch(*stream_, {kBatch, 28, 28, 1}, DType::f32);
      Tensor labels(*stream_, {kBatch}, DType::i32);
      dispatch<kernels::GatherBatch>(*stream_, images_, labels_, order_, step, BatchRule{}, batch, labels);
      training_.step(batch, labels, step);
    }
  }
  Stream& stream() { return *stream_; }
  Training& training() { return training_; }

 private:
  std::unique_ptr<Stream> stream_;
  Training training_;
  Tensor images_;
  Tensor order_;
  Tensor labels_;
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

void throughput(int threads, int rounds) {
  std::vector<std::unique_ptr<Child>> children;
  for (int t = 0; t < threads; ++t) {
    children.push_back(std::make_unique<Child>());
    children.back()->steps(kStepsPerRound / 4);  // warm up
  }
  std::vector<double> rates;
  for (int r = 0; r < rounds; ++r) {
    const auto start = Clock::now();
    std::vector<std::thread> workers;
    workers.reserve(children.size());
    for (auto& child : children) {
      workers.emplace_back([&child] { child->steps(kStepsPerRound); });
    }
    for (std::thread& worker : workers) {
      worker.join();
    }
    rates.push_back(threads * kStepsPerRound * kBatch / seconds_since(start));
  }
  std::printf("%d children at once: %.0f images/s, %.0f per core (median of %d rounds; best %.0f per core)\n", threads,
              median(rates), median(rates) / threads, rounds, *std::max_element(rates.begin(), rates.end()) / threads);
}

void profile(int rounds) {
  Child child;
  child.steps(kStepsPerRound / 4);
  Profile profile;
  child.stream().set_observer(&profile);
  const auto start = Clock::now();
  child.steps(kStepsPerRound * rounds);
  const double total = seconds_since(start);
  const double images = static_cast<double>(kStepsPerRound) * rounds * kBatch;
  child.stream().set_observer(nullptr);

  std::vector<std::pair<std::string, Profile::Entry>> rows(profile.entries().begin(), profile.entries().end());
  std::sort(rows.begin(), rows.end(), [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  std::printf("\n%-34s %14s %8s %11s\n", "kernel", "us per image", "share", "calls/step");
  double inside = 0.0;
  for (const auto& [name, entry] : rows) {
    inside += entry.seconds;
    std::printf("%-34s %14.3f %7.1f%% %11.1f\n", name.c_str(), entry.seconds / images * 1e6,
                100.0 * entry.seconds / total, static_cast<double>(entry.calls) / (kStepsPerRound * rounds));
  }
  std::printf("%-34s %14.3f %7.1f%%\n", "outside kernels", (total - inside) / images * 1e6,
              100.0 * (total - inside) / total);
  const NetworkCost cost = reference_plan().cost();
  std::printf("\n%.3f M binary and %.3f M real multiply-accumulates per image forward\n",
              static_cast<double>(cost.binary_macs) / 1e6, static_cast<double>(cost.real_macs) / 1e6);
  const double packed = profile.entries().at("binary_conv2d").seconds / images;
  const double rate = static_cast<double>(cost.binary_macs) / packed;
  const double bound = bench::popcount_bound();
  std::printf("packed convolutions: %.0f G multiply-accumulates/s, %.0f %% of the popcount bound of %.0f G/s\n",
              rate / 1e9, 100.0 * rate / bound, bound / 1e9);
  std::printf("kept for backward: %.2f MiB; peak memory of the child: %.2f MiB\n",
              static_cast<double>(child.training().saved_bytes()) / (1 << 20),
              static_cast<double>(child.stream().memory().peak) / (1 << 20));
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : static_cast<int>(std::thread::hardware_concurrency());
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 9;
  if (threads < 1 || rounds < 1) {
    std::fprintf(stderr, "usage: child_bench [THREADS [ROUNDS]]\n");
    return 2;
  }
  throughput(1, rounds);
  if (threads > 1) {
    throughput(threads, rounds);
  }
  profile(rounds);
  return 0;
}
