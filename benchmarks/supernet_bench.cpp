// SPDX-License-Identifier: Apache-2.0
// Steps of a supernet and of one of its single paths on made-up images of CIFAR's size: time, memory kept for backward,
// the kernels that take most of the time; and the peak memory of a step, also with all that it saves as floats.
//
//   supernet_bench [W1A32|W1A1|W32A32] [batch] [ratio] [channels]
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "bnas/core/backend.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/ops/loss.hpp"
#include "bnas/nas/differentiable/supernet.hpp"

namespace {

using namespace bnas;
using Clock = std::chrono::steady_clock;

double seconds(Clock::time_point since) { return std::chrono::duration<double>(Clock::now() - since).count(); }

/// Adds up the time of every kernel by its name.
class Profile final : public KernelObserver {
 public:
  void begin(const char* /*op*/) override { begun_ = Clock::now(); }
  void end(const char* op) override {
    seconds_[op] += seconds(begun_);
    ++calls_[op];
  }
  void print(double all) const {
    std::vector<std::pair<double, std::string>> sorted;
    for (const auto& [op, time] : seconds_) {
      sorted.emplace_back(time, op);
    }
    std::sort(sorted.rbegin(), sorted.rend());
    for (const auto& [time, op] : sorted) {
      fmt::print("  {:<36}{:>9.1f} ms {:>5.1f} % {:>7} calls\n", op, 1e3 * time, 100.0 * time / all, calls_.at(op));
    }
  }

 private:
  Clock::time_point begun_;
  std::map<std::string, double> seconds_;
  std::map<std::string, int> calls_;
};

struct Step {
  std::size_t saved_bytes = 0;
  std::vector<std::pair<std::string, std::size_t>> saved_by_op;
};

Step run(Stream& stream, nas::Supernet& net, const Tensor& images, const Tensor& labels, Keep keep = Keep::parts) {
  Tape tape(stream, keep);
  Context ctx{stream, &tape, Mode::train};
  const Var loss = ops::softmax_cross_entropy(ctx, net.forward(ctx, Var{images}), labels);
  Step step{tape.saved_bytes(), tape.saved_by_op()};
  tape.backward(loss);
  stream.synchronize();
  return step;
}

/// A supernet and a batch for it, in a stream of their own.
struct Bench {
  Bench(const nas::SupernetConfig& config, std::int64_t batch) : net(*stream, config, {1, 0, RandomPurpose::init}) {
    std::vector<float> pixels(static_cast<std::size_t>(batch * 32 * 32 * 3));
    const RandomKey key{2, 0, RandomPurpose::synthetic};
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      pixels[i] = 2.0F * key.uniform(i) - 1.0F;
    }
    std::vector<std::int32_t> classes(static_cast<std::size_t>(batch), 1);
    images = Tensor::from_host(*stream, {batch, 32, 32, 3}, std::span<const float>(pixels));
    labels = Tensor::from_host(*stream, {batch}, std::span<const std::int32_t>(classes));
  }

  std::unique_ptr<Stream> stream = backend_for({}).make_stream();
  nas::Supernet net;
  Tensor images, labels;
};

struct Memory {
  double kept = 0.0, peak = 0.0;  // MB
};

/// Of a step on weights, the first of its stream.
Memory memory_of_step(const nas::SupernetConfig& config, std::int64_t batch, Keep keep) {
  Bench bench(config, batch);
  bench.net.set_trained(nas::Trained::weights);
  const Step step = run(*bench.stream, bench.net, bench.images, bench.labels, keep);
  return {static_cast<double>(step.saved_bytes) / 1e6, static_cast<double>(bench.stream->memory().peak) / 1e6};
}

void compare_memory(const nas::SupernetConfig& config, std::int64_t batch) {
  const Memory sparing = memory_of_step(config, batch, Keep::parts),
               values = memory_of_step(config, batch, Keep::values),
               floats = memory_of_step(config, batch, Keep::floats);
  const auto print = [&](const char* name, const Memory& memory) {
    fmt::print("  {:<44}{:>9.1f} MB kept {:>9.1f} MB peak, {:.2f} of that with floats\n", name, memory.kept,
               memory.peak, memory.peak / floats.peak);
  };
  fmt::print("memory of a step of the supernet on weights\n");
  print("as the search does it", sparing);
  print("nothing made again", values);
  print("all that is saved as floats", floats);
}

void measure(const nas::SupernetConfig& config, std::int64_t batch) {
  Bench bench(config, batch);
  const auto& stream = bench.stream;
  nas::Supernet& net = bench.net;
  const auto report = [&](const char* name) {
    run(*stream, net, bench.images, bench.labels);
    Profile profile;
    stream->set_observer(&profile);
    const auto begin = Clock::now();
    const Step step = run(*stream, net, bench.images, bench.labels);
    const double all = seconds(begin);
    stream->set_observer(nullptr);
    fmt::print("{}: {:.1f} ms, {:.1f} MB kept for backward\n", name, 1e3 * all,
               static_cast<double>(step.saved_bytes) / 1e6);
    profile.print(all);
    for (const auto& [op, bytes] : step.saved_by_op) {
      fmt::print("  kept by {:<28}{:>9.1f} MB\n", op, static_cast<double>(bytes) / 1e6);
    }
  };
  net.set_trained(nas::Trained::weights);
  report("step of the supernet on weights");
  net.set_trained(nas::Trained::architecture);
  report("step of the supernet on the architecture");
  nas::Selection path;
  const auto operations = nas::candidates(config.style.operations).size();
  for (std::size_t edge = 0; edge < nas::kCellEdges; ++edge) {  // each operation about equally often
    path[0][edge] = static_cast<int>(edge % operations);
    path[1][edge] = static_cast<int>((edge + operations / 2) % operations);
  }
  net.set_alive(path);
  net.set_trained(nas::Trained::weights);
  report("step of a single path on weights");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    nas::SupernetConfig config;
    config.style.precision = nas::Precision::parse(argc > 1 ? argv[1] : "W1A32");
    const std::int64_t batch = argc > 2 ? std::atoll(argv[2]) : 16;
    config.channel_ratio = argc > 3 ? std::atoi(argv[3]) : config.channel_ratio;
    config.channels = argc > 4 ? std::atoi(argv[4]) : config.channels;
    fmt::print("{}, batch {}\n", config.text(), batch);
    measure(config, batch);
    compare_memory(config, batch);
    return 0;
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
