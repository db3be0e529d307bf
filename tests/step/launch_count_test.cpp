// SPDX-License-Identifier: Apache-2.0
// Launches of a captured training step, as the emulator counts them. On small networks launches are what a step costs.
#include <gtest/gtest.h>

#include <numeric>

#include "bnas/core/backend.hpp"
#include "bnas/core/kernels/optim.hpp"
#include "bnas/core/step_feed.hpp"
#include "bnas/nas/cell_network.hpp"
#include "bnas/nas/network_builder.hpp"
#include "bnas/nas/training.hpp"
#include "gpu_emulator/runtime/emulator.h"

namespace bnas::nas {
namespace {

// docs/architecture.md says what they are. More rows than one block of batch norm's gradient sees take more launches,
// hence the batch size of the recipe.
constexpr std::uint64_t kLaunches = 56;
constexpr std::int64_t kBatch = 128;

/// [0,'3x3 bconv',0,'5x5 bconv'] of the flat space, as the defaults frame it.
NetworkPlan default_child() {
  const SearchSpace space(SpaceConfig::flat({"3x3 bconv", "5x5 bconv"}, 1));
  Genotype genotype;
  genotype.blocks.push_back({-1, 0, -1, 1});
  return build_network_plan(space, genotype, OperationRegistry::builtin(), {});
}

TEST(LaunchCount, OfAStepOfTheDefaultChild) {
  if (bnas_emu_present() == 0) {
    GTEST_SKIP() << "counted by the emulator alone";
  }
  const auto stream = backend_for({DeviceType::cuda, 0}).make_stream();
  Training training(*stream, std::make_unique<CellNetwork>(*stream, default_child(), Recipe{}, RandomKey{11}),
                    Recipe{});
  std::vector<std::uint8_t> pixels(kBatch * 28 * 28);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = static_cast<std::uint8_t>(RandomKey{5}.below(i, 256));
  }
  std::vector<std::int32_t> rows(kBatch);
  std::iota(rows.begin(), rows.end(), 0);
  const Tensor all_images = Tensor::from_host(*stream, {kBatch, 28, 28, 1}, std::span<const std::uint8_t>(pixels));
  const Tensor all_labels = Tensor::zeros(*stream, {kBatch}, DType::i32);
  const Tensor order = Tensor::from_host(*stream, {kBatch}, std::span<const std::int32_t>(rows));
  const StepValues steps[] = {training.step_values(1, 1e-3F, RandomKey{}), training.step_values(2, 1e-3F, RandomKey{})};
  StepFeed feed(*stream, 2);
  feed.load(*stream, steps);
  const auto step = stream->repeat([&] {
    Tensor images(*stream, {kBatch, 28, 28, 1}, DType::f32);
    Tensor labels(*stream, {kBatch}, DType::i32);
    feed.advance(*stream);
    dispatch<kernels::GatherBatch>(*stream, all_images, all_labels, order, feed.current(), BatchRule{}, images, labels);
    training.step(images, labels, feed.current());
  });
  step->run();  // as it is; the next run is captured and launched as a graph
  stream->synchronize();
  const std::uint64_t before = bnas_emu_launch_count();
  step->run();
  stream->synchronize();
  EXPECT_EQ(bnas_emu_launch_count() - before, kLaunches);
}

}  // namespace
}  // namespace bnas::nas
