// SPDX-License-Identifier: Apache-2.0
// Writes two training steps of a flat child as a safetensors file: weights before and after, batch, outputs of all
// convolutions, gradients. numpy_child.py recomputes them.
//   step_dump OUT OPERATION [OPERATION ...]      an even number of operations, as '3x3 bconv' '5x5 bconv'
#include <cstdio>

#include "bnas/core/backend.hpp"
#include "bnas/core/io/file.hpp"
#include "bnas/core/io/tensor_io.hpp"
#include "bnas/core/kernels/optim.hpp"
#include "bnas/core/step_feed.hpp"
#include "bnas/nas/cell_network.hpp"
#include "bnas/nas/network_builder.hpp"
#include "bnas/nas/training.hpp"

namespace {

using namespace bnas;
using namespace bnas::nas;

constexpr std::int64_t kBatch = 16;

/// Smooth random images: blobs, so that activations are correlated as in real data.
Tensor make_images(Stream& stream, const RandomKey& key) {
  std::vector<float> pixels(kBatch * 28 * 28);
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    const std::size_t image = i / 784, y = i / 28 % 28, x = i % 28;
    const float cy = 28 * key.uniform(2 * image), cx = 28 * key.uniform(2 * image + 1);
    const float dy = static_cast<float>(y) - cy, dx = static_cast<float>(x) - cx;
    const float noise = key.uniform(1000 + i) - 0.5F;
    pixels[i] = std::max(-1.0F, std::min(1.0F, 1.0F - 0.02F * (dy * dy + dx * dx) + noise));
  }
  return Tensor::from_host(stream, {kBatch, 28, 28, 1}, std::span<const float>(pixels));
}

int dump(const std::string& path, const std::vector<std::string>& operations) {
  const auto stream = backend_for({}).make_stream();
  std::vector<std::string> operators;
  Genotype genotype;
  for (std::size_t i = 0; i < operations.size(); i += 2) {
    genotype.blocks.push_back({-1, static_cast<std::uint8_t>(i), -1, static_cast<std::uint8_t>(i + 1)});
  }
  // Names may repeat here: the operations are given by position, so each position gets an entry of its own.
  auto registry = OperationRegistry::builtin();
  for (std::size_t i = 0; i < operations.size(); ++i) {
    const std::string name = "position " + std::to_string(i);
    registry.add(name, [op = operations[i]](const OperationSite& site) {
      return OperationRegistry::builtin().layers(op, site);
    });
    operators.push_back(name);
  }
  const SearchSpace space(SpaceConfig::flat(operators, static_cast<int>(genotype.blocks.size())));
  Recipe recipe;
  auto network =
      std::make_unique<CellNetwork>(*stream, build_network_plan(space, genotype, registry, {}), recipe, RandomKey{11});
  CellNetwork& cells = *network;
  Training training(*stream, std::move(network), recipe);
  TensorFile file;
  const auto put = [&](const std::string& name, const Tensor& tensor) {
    const auto values = tensor.to_host(*stream);
    put_tensor(file, name, Tensor::from_host(*stream, tensor.shape(), std::span<const float>(values)), *stream);
  };
  std::vector<std::int32_t> label_values(kBatch);
  for (std::size_t step = 0; step < 2; ++step) {
    const std::string at = "step" + std::to_string(step) + "/";
    for (std::size_t i = 0; i < label_values.size(); ++i) {
      label_values[i] = static_cast<std::int32_t>((i + step) % 10);
    }
    const Tensor images = make_images(*stream, RandomKey{5, step});
    const Tensor labels = Tensor::from_host(*stream, {kBatch}, std::span<const std::int32_t>(label_values));
    put(at + "images", images);
    put(at + "labels", labels);
    training.network().parameters([&](nn::Parameter& p) { put(at + "before/" + p.name, p.value); });
    const Tensor values =
        step_tensor(*stream, training.step_values(static_cast<std::int64_t>(step) + 1, 1e-3F, RandomKey{}));
    cells.watch([&](const PlanNode& node, const Var& y) {
      if (node.layer.kind == LayerKind::conv || node.layer.kind == LayerKind::dense) {
        put(at + "output/" + node.name, y.value);
      }
    });
    training.step(images, labels, values);
    training.network().parameters([&](nn::Parameter& p) {
      put(at + "grad/" + p.name, p.grad);
      put(at + "after/" + p.name, p.value);
    });
    put(at + "loss", Tensor::full(*stream, {1}, static_cast<float>(training.take_sums(kBatch).loss)));
  }
  write_file_atomic(path, serialize_tensors(file));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4 || argc % 2 != 0) {
    std::fprintf(stderr, "usage: step_dump OUT OPERATION OPERATION ...\n");
    return 2;
  }
  return dump(argv[1], {argv + 2, argv + argc});
}
