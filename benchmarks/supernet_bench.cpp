// SPDX-License-Identifier: Apache-2.0
// Steps of a supernet and of one of its single paths on made-up images of CIFAR's size: time, memory kept for backward,
// and the kernels that take most of it.
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

Step run(Stream& stream, nas::Supernet& net, const Tensor& images, const Tensor& labels) {
  Tape tape(stream, Keep::parts);
  Context ctx{stream, &tape, Mode::train};
  const Var loss = ops::softmax_cross_entropy(ctx, net.forward(ctx, Var{images}), labels);
  const Step step{tape.saved_bytes(), tape.saved_by_op()};
  tape.backward(loss);
  stream.synchronize();
  return step;
}

void measure(const nas::SupernetConfig& config, std::int64_t batch) {
  const auto stream = backend_for({}).make_stream();
  nas::Supernet net(*stream, config, {1, 0, RandomPurpose::init});
  std::vector<float> pixels(static_cast<std::size_t>(batch * 32 * 32 * 3));
  const RandomKey key{2, 0, RandomPurpose::synthetic};
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = 2.0F * key.uniform(i) - 1.0F;
  }
  std::vector<std::int32_t> classes(static_cast<std::size_t>(batch), 1);
  const Tensor images = Tensor::from_host(*stream, {batch, 32, 32, 3}, std::span<const float>(pixels));
  const Tensor labels = Tensor::from_host(*stream, {batch}, std::span<const std::int32_t>(classes));
  const auto report = [&](const char* name) {
    run(*stream, net, images, labels);
    Profile profile;
    stream->set_observer(&profile);
    const auto begin = Clock::now();
    const Step step = run(*stream, net, images, labels);
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
    return 0;
  } catch (const Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
