// SPDX-License-Identifier: Apache-2.0
// The layers of cells: convolutions with weights of any kind, norms without parameters, activations.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bnas/core/kernels/mixture.hpp"
#include "bnas/core/nn/module.hpp"
#include "bnas/core/ops/geometry.hpp"
#include "bnas/core/ops/norm.hpp"
#include "bnas/nas/differentiable/supernet_config.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas::nas {

using Visit = std::function<void(nn::Parameter&)>;
using VisitBuffer = std::function<void(const std::string& name, Tensor&)>;
using VisitPacked = std::function<void(const std::string& name, const Tensor&)>;
class WeightedConv;
using VisitConv = std::function<void(WeightedConv&)>;

/// Size and window of a convolution without bias. Padding keeps the image's size at stride 1.
struct ConvSpec {
  std::int64_t in = 1, out = 1;
  int kernel = 1;
  int stride = 1;  ///< 1, or equal to the dilation where that is not 1
  int dilation = 1;
  bool depthwise = false;  ///< `out` is not read
  bool shifted = false;    ///< reads from the second pixel on (the odd half of a factorized reduction)
};

/// An image that convolutions read, with the grids of pixels that dilated ones see. Each is made once, whoever asks.
class ReadImage {
 public:
  ReadImage() = default;
  explicit ReadImage(Var whole) : whole_(std::move(whole)) {}

  bool defined() const { return whole_.value.defined(); }
  const Var& whole() const { return whole_; }
  const Var& grid(Context& ctx, const PixelGrid& grid);

 private:
  Var whole_;
  std::map<std::array<int, 3>, Var> grids_;  // by stride and beginnings
};

/// Convolution of f32 images, or of bits where weights are binary too.
class WeightedConv final : public nn::Module {
 public:
  /// `amplitudes`: results are multiplied with them. They need not be where a batch norm follows, which divides by any
  /// positive factor again.
  WeightedConv(Stream& stream, const std::string& name, const ConvSpec& spec, const CellStyle& style, bool binary,
               bool amplitudes, const RandomKey& key);
  Var forward(Context& ctx, const Var& x) override;
  Var forward(Context& ctx, ReadImage& image);
  void parameters(const Visit& visit) override;
  /// What XNOR does to its latent weights before each step.
  void center(Stream& stream);
  /// The weights as inference needs them: bits, and amplitudes where results are multiplied with them.
  void packed(Stream& stream, const VisitPacked& visit);

 private:
  struct Weights {
    Var value;      // f32 or bits
    Var amplitude;  // per filter, or one; undefined without
  };
  Weights weights(Context& ctx);
  Weights xnor_weights(Context& ctx);
  Weights pcnn_weights(Context& ctx);
  Var convolve(Context& ctx, const Var& x, const Var& w, int stride) const;
  Var dilated(Context& ctx, ReadImage& image, const Var& w) const;

  ConvSpec spec_;
  WeightOptimizer optimizer_;
  PadValue pad_;
  bool binary_;
  bool amplitudes_;
  nn::Parameter weight_;
  nn::Parameter partner_;  // pcnn: the matrix or the amplitudes
};

/// Batch norm with or without gamma and beta of its own.
class Norm final : public nn::Module {
 public:
  Norm(Stream& stream, const std::string& name, std::int64_t channels, const ops::BatchNormOptions& options,
       bool affine);
  Var forward(Context& ctx, const Var& x) override { return forward(ctx, x, {}); }
  /// The result times `gain` (C), where defined; only without gamma of its own.
  Var forward(Context& ctx, const Var& x, const Var& gain);
  Var forward_sign(Context& ctx, const Var& x);
  Var forward_prelu(Context& ctx, const Var& x, const ops::PreluTail& tail);
  void parameters(const Visit& visit) override;
  void buffers(const VisitBuffer& visit) override;

 private:
  std::string name_;
  bool affine_;
  nn::Parameter gamma_, beta_;  // constants unless affine
  ops::RunningStats stats_;
  ops::BatchNormOptions options_;
};

/// Slopes of a PReLU, 0.25 at first (He et al. 2015).
nn::Parameter prelu_slope(Stream& stream, const std::string& name, std::int64_t channels);

/// What stands before a convolution of a cell: ReLU, or a batch norm, or a batch norm and the sign.
class InputActivation final : public nn::Module {
 public:
  InputActivation(Stream& stream, const std::string& name, std::int64_t channels, const CellStyle& style, bool affine);
  Var forward(Context& ctx, const Var& x) override;
  void parameters(const Visit& visit) override;
  void buffers(const VisitBuffer& visit) override;

 private:
  std::unique_ptr<Norm> norm_;  // none: ReLU
  bool sign_;
};

/// Halves an image: two 1x1 convolutions of stride 2 side by side, on even and on odd pixels. Of activated images.
class ReducingConv final : public nn::Module {
 public:
  ReducingConv(Stream& stream, const std::string& name, std::int64_t in, std::int64_t out, const CellStyle& style,
               bool binary, const RandomKey& key);
  Var forward(Context& ctx, const Var& x) override;
  void parameters(const Visit& visit) override;
  void convolutions(const VisitConv& visit);

 private:
  WeightedConv even_, odd_;
};

}  // namespace bnas::nas
