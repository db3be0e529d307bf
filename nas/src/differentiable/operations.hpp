// SPDX-License-Identifier: Apache-2.0
// The operations of edges, and the layers before and between cells.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "differentiable/layers.hpp"

namespace bnas::nas {

/// A value that edges read, with what several of them make of it, made once.
class Source {
 public:
  /// `shared`: the activation that all convolutions of the value have in common, or null.
  explicit Source(Var x, InputActivation* shared = nullptr) : x_(std::move(x)), shared_(shared) {}

  const Var& x() const { return x_; }
  /// Through the shared activation.
  ReadImage& activated(Context& ctx);
  Var pooled(Context& ctx, CandidateKind kind, int stride);

 private:
  Var x_;
  InputActivation* shared_;
  ReadImage activated_;
  std::map<std::pair<CandidateKind, int>, Var> pooled_;
};

/// One operation of an edge, C channels in and out.
class EdgeOperation {
 public:
  virtual ~EdgeOperation() = default;
  /// The result times `gain` (C) where that is defined.
  virtual Var forward(Context& ctx, Source& source, const Var& gain) = 0;
  virtual bool is_identity() const { return false; }
  virtual void parameters(const Visit& visit) { (void)visit; }
  virtual void buffers(const VisitBuffer& visit) { (void)visit; }
  virtual void convolutions(const VisitConv& visit) { (void)visit; }
};

/// How an operation is built into a network.
struct OperationPlace {
  std::int64_t channels = 1;
  int stride = 1;
  bool searched = true;  ///< of a supernet: norms without parameters, also behind pools; activations are the source's
};

/// Null for `none` of a supernet, which costs nothing there.
std::unique_ptr<EdgeOperation> make_operation(Stream& stream, const std::string& name, const Candidate& candidate,
                                              const OperationPlace& place, const CellStyle& style,
                                              const RandomKey& key);

/// What brings a cell's input to its channels and, where the cell before reduced, to its image size. Separable: ReLU,
/// convolution, norm; with binary inputs: norm, convolution of real values, norm, PReLU; group_shuffle: norm,
/// convolution of real values, PReLU, plus the input where shapes agree; dense_1bit: norm, (sign,) convolution, ReLU.
/// group_shuffle halves as with binary inputs.
class Preprocess final : public nn::Module {
 public:
  Preprocess(Stream& stream, const std::string& name, std::int64_t in, std::int64_t out, bool halve,
             const CellStyle& style, bool affine, const RandomKey& key);
  Var forward(Context& ctx, const Var& x) override;
  void parameters(const Visit& visit) override;
  void buffers(const VisitBuffer& visit) override;
  void convolutions(const VisitConv& visit);

 private:
  std::unique_ptr<Norm> before_;  // none: ReLU
  std::unique_ptr<WeightedConv> conv_;
  std::unique_ptr<ReducingConv> reducing_;
  std::unique_ptr<Norm> after_;  // none: the slope or ReLU alone
  std::optional<nn::Parameter> slope_;
  bool sign_ = false, shortcut_ = false;
};

}  // namespace bnas::nas
