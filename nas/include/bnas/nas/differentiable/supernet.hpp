// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "bnas/core/kernels/mixture.hpp"
#include "bnas/core/nn/module.hpp"
#include "bnas/nas/differentiable/cell_graph.hpp"
#include "bnas/nas/differentiable/reduction.hpp"
#include "bnas/nas/differentiable/supernet_config.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas::nas {

/// Of which parameters a pass shall have gradients.
enum class Trained : std::uint8_t { weights, architecture, both };

/// The network in which all operations of all edges compete: stem, cells, classifier, and for each cell type the
/// architecture parameters alpha (14,K) and beta (14) that all of its cells share. One thread, one stream.
class Supernet {
 public:
  /// Weights are made from `key` alone. usage Error for a configuration that cannot work.
  Supernet(Stream& stream, const SupernetConfig& config, const RandomKey& key);
  ~Supernet();

  const SupernetConfig& config() const { return config_; }
  /// Images f32 (N,H,W,C) -> logits (N,classes).
  Var forward(Context& ctx, const Var& images);

  /// From now on these operations alone run and have weight; all at first.
  void set_alive(const Alive& alive);
  /// One operation per edge: a single-path network, sharing the weights.
  void set_alive(const Selection& selection);
  const Alive& alive() const { return alive_; }
  /// Divides alpha before the softmax; 1 at first.
  void set_temperature(float temperature) { rule_.temperature = temperature; }
  /// The others are constants of later passes, whose gradients are not computed.
  void set_trained(Trained trained);

  /// Weights of all operations, in a fixed order. Not the architecture.
  void parameters(const std::function<void(nn::Parameter&)>& visit);
  /// Those that a pass uses: the shared ones and the alive operations'.
  std::vector<nn::Parameter*> alive_parameters();
  /// alpha and beta of the normal, then of the reduction cells.
  std::vector<nn::Parameter*> architecture();
  /// Their values, read back: waits for the stream.
  ArchitectureValues architecture_values();
  void buffers(const std::function<void(const std::string& name, Tensor&)>& visit);
  /// Numbers in parameters().
  std::int64_t parameter_count();

  /// Before each step on weights: centers latent weights where their optimizer wants it.
  void prepare_weights();
  /// Adds `weight` times the gradient of the mean entropy of all 28 edges' softmax(alpha) to alpha's gradients.
  void add_entropy_gradient(float weight);

 private:
  struct Cells;
  SupernetConfig config_;
  Stream& stream_;
  std::unique_ptr<Cells> cells_;
  std::array<nn::Parameter, 2> alpha_, beta_;
  std::array<Tensor, 2> mask_;  // f32 (14,K): 1 where alive
  Alive alive_;
  MixtureRule rule_;
};

}  // namespace bnas::nas
