// SPDX-License-Identifier: Apache-2.0
// What stands before the first cell and beside the classifier: always real.
#pragma once

#include <memory>
#include <string>

#include "bnas/core/nn/conv2d.hpp"
#include "bnas/core/nn/dense.hpp"
#include "differentiable/layers.hpp"

namespace bnas::nas {

/// Small images: 3x3 convolution and norm; dense_1bit: norm, 3x3 convolution, ReLU.
class Stem final : public nn::Module {
 public:
  Stem(Stream& stream, std::int64_t in, std::int64_t out, const CellStyle& style, const RandomKey& key);
  Var forward(Context& ctx, const Var& x) override;
  void parameters(const Visit& visit) override;
  void buffers(const VisitBuffer& visit) override { norm_.buffers(visit); }

 private:
  bool norm_first_;
  nn::Conv2d conv_;
  Norm norm_;
};

/// Large images: three 3x3 convolutions of stride 2, each with a norm. The cells read the results of the second and of
/// the third, an eighth of the image's size.
class ReducingStem {
 public:
  ReducingStem(Stream& stream, std::int64_t in, std::int64_t out, const CellStyle& style, const RandomKey& key);
  std::pair<Var, Var> forward(Context& ctx, const Var& x);
  void parameters(const Visit& visit);
  void buffers(const VisitBuffer& visit);

 private:
  nn::Conv2d conv0_, conv1_, conv2_;
  Norm norm0_, norm1_, norm2_;
};

/// The classifier halfway, for its gradient alone: ReLU, 5x5 average pool, 1x1 convolution to 128, 2x2 to 768 channels
/// (Liu et al. 2019). Its input has at least 7x7 pixels, and 7x7 (large images) or 8x8 as published, where the pool's
/// stride is 2 or 3; more give more than one result, which are averaged.
class AuxiliaryHead {
 public:
  static constexpr int kLeast = 7;  ///< pixels of its input's side

  AuxiliaryHead(Stream& stream, std::int64_t in, std::int64_t classes, bool large_images, const CellStyle& style,
                const RandomKey& key);
  Var forward(Context& ctx, const Var& x);
  void parameters(const Visit& visit);
  void buffers(const VisitBuffer& visit);

 private:
  nn::Conv2d narrow_, wide_;
  Norm narrow_norm_;
  std::unique_ptr<Norm> wide_norm_;  // not for large images
  nn::Dense classifier_;
};

}  // namespace bnas::nas
