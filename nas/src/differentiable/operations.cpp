// SPDX-License-Identifier: Apache-2.0
#include "differentiable/operations.hpp"

#include <fmt/format.h>

#include <numeric>

#include "bnas/core/error.hpp"
#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/mixture.hpp"
#include "bnas/core/ops/structure.hpp"
#include "differentiable/units.hpp"

namespace bnas::nas {
namespace {

Var times(Context& ctx, const Var& x, const Var& gain) {
  return gain.value.defined() ? ops::scale_channels(ctx, x, gain) : x;
}

class Pool final : public EdgeOperation {
 public:
  Pool(Stream& stream, const std::string& name, CandidateKind kind, const OperationPlace& place, const CellStyle& style)
      : kind_(kind), stride_(place.stride) {
    if (place.searched && style.operations != OperationSet::group_shuffle) {
      norm_ = std::make_unique<Norm>(stream, name + ".norm", place.channels, style.norm, false);
    }
  }
  Var forward(Context& ctx, Source& source, const Var& gain) override {
    const Var y = source.pooled(ctx, kind_, stride_);
    return norm_ ? norm_->forward(ctx, y, gain) : times(ctx, y, gain);
  }
  void buffers(const VisitBuffer& visit) override {
    if (norm_) {
      norm_->buffers(visit);
    }
  }

 private:
  CandidateKind kind_;
  int stride_;
  std::unique_ptr<Norm> norm_;
};

class Identity final : public EdgeOperation {
 public:
  Var forward(Context& ctx, Source& source, const Var& gain) override { return times(ctx, source.x(), gain); }
  bool is_identity() const override { return true; }
};

/// `none` that was chosen: zeros of the right size.
class Zero final : public EdgeOperation {
 public:
  explicit Zero(int stride) : stride_(stride) {}
  Var forward(Context& ctx, Source& source, const Var& /*gain*/) override {
    const Shape& x = source.x().shape();
    const auto out = [this](std::int64_t length) { return (length + stride_ - 1) / stride_; };
    return Var{Tensor::zeros(ctx.stream, {x[0], out(x[1]), out(x[2]), x[3]}, DType::f32)};
  }

 private:
  int stride_;
};

/// The identity of stride 2.
class Reduce final : public EdgeOperation {
 public:
  Reduce(Stream& stream, const std::string& name, const OperationPlace& place, const CellStyle& style,
         const RandomKey& key)
      : conv_(stream, name, place.channels, place.channels, style, style.precision.binary_weights, key),
        norm_(stream, name + ".norm", place.channels, style.norm, !place.searched) {
    if (!place.searched) {
      activation_ = std::make_unique<InputActivation>(stream, name + ".activation", place.channels, style, true);
    }
    if (style.precision.binary_inputs) {
      slope_ = prelu_slope(stream, name, place.channels);
    }
  }
  Var forward(Context& ctx, Source& source, const Var& gain) override {
    const Var y =
        conv_.forward(ctx, activation_ ? activation_->forward(ctx, source.x()) : source.activated(ctx).whole());
    return slope_ ? norm_.forward_prelu(ctx, y, {{}, nn::use(ctx, *slope_), gain}) : norm_.forward(ctx, y, gain);
  }
  void parameters(const Visit& visit) override {
    if (activation_) {
      activation_->parameters(visit);
    }
    conv_.parameters(visit);
    norm_.parameters(visit);
    if (slope_) {
      visit(*slope_);
    }
  }
  void buffers(const VisitBuffer& visit) override {
    if (activation_) {
      activation_->buffers(visit);
    }
    norm_.buffers(visit);
  }
  void convolutions(const VisitConv& visit) override { conv_.convolutions(visit); }

 private:
  std::unique_ptr<InputActivation> activation_;
  ReducingConv conv_;
  Norm norm_;
  std::optional<nn::Parameter> slope_;
};

/// Units in sequence; the first one's activation may be the source's.
class Convolution final : public EdgeOperation {
 public:
  Convolution(Stream& stream, const std::string& name, const Candidate& candidate, const OperationPlace& place,
              const CellStyle& style, const RandomKey& key) {
    for (int i = 0; i < candidate.units; ++i) {
      const std::string part = fmt::format("{}.unit{}", name, i);
      const bool own = i > 0 || !place.searched;
      activations_.push_back(
          own ? std::make_unique<InputActivation>(stream, part + ".activation", place.channels, style, !place.searched)
              : nullptr);
      units_.push_back(make_unit(stream, part, candidate, {place.channels, i == 0 ? place.stride : 1, !place.searched},
                                 style, key.derive(static_cast<std::uint64_t>(i))));
    }
  }
  Var forward(Context& ctx, Source& source, const Var& gain) override {
    Var y = source.x();
    for (std::size_t i = 0; i < units_.size(); ++i) {
      ReadImage own(activations_[i] ? activations_[i]->forward(ctx, y) : Var{});
      y = units_[i]->forward(ctx, y, activations_[i] ? own : source.activated(ctx),
                             i + 1 == units_.size() ? gain : Var{});
    }
    return y;
  }
  void parameters(const Visit& visit) override {
    for (std::size_t i = 0; i < units_.size(); ++i) {
      if (activations_[i]) {
        activations_[i]->parameters(visit);
      }
      units_[i]->parameters(visit);
    }
  }
  void buffers(const VisitBuffer& visit) override {
    for (std::size_t i = 0; i < units_.size(); ++i) {
      if (activations_[i]) {
        activations_[i]->buffers(visit);
      }
      units_[i]->buffers(visit);
    }
  }
  void convolutions(const VisitConv& visit) override {
    for (const auto& unit : units_) {
      unit->convolutions(visit);
    }
  }

 private:
  std::vector<std::unique_ptr<InputActivation>> activations_;
  std::vector<std::unique_ptr<ConvUnit>> units_;
};

}  // namespace

ReadImage& Source::activated(Context& ctx) {
  check(shared_ != nullptr, "edge", "a convolution without an activation");
  if (!activated_.defined()) {
    activated_ = ReadImage(shared_->forward(ctx, x_));
  }
  return activated_;
}

Var Source::pooled(Context& ctx, CandidateKind kind, int stride) {
  Var& y = pooled_[{kind, stride}];
  if (!y.value.defined()) {
    const ops::Geometry window = ops::Geometry::explicit_pad(stride, {1, 1}, {1, 1});
    y = kind == CandidateKind::max_pool ? ops::max_pool(ctx, x_, 3, window) : ops::avg_pool(ctx, x_, 3, window);
  }
  return y;
}

std::unique_ptr<EdgeOperation> make_operation(Stream& stream, const std::string& name, const Candidate& candidate,
                                              const OperationPlace& place, const CellStyle& style,
                                              const RandomKey& key) {
  switch (candidate.kind) {
    case CandidateKind::none:
      return place.searched ? nullptr : std::make_unique<Zero>(place.stride);
    case CandidateKind::max_pool:
    case CandidateKind::avg_pool:
      return std::make_unique<Pool>(stream, name, candidate.kind, place, style);
    case CandidateKind::skip:
      if (place.stride == 1) {
        return std::make_unique<Identity>();
      }
      return std::make_unique<Reduce>(stream, name, place, style, key);
    default:
      return std::make_unique<Convolution>(stream, name, candidate, place, style, key);
  }
}

Preprocess::Preprocess(Stream& stream, const std::string& name, std::int64_t in, std::int64_t out, bool halve,
                       const CellStyle& style, bool affine, const RandomKey& key) {
  const bool binary = style.precision.binary_weights && style.binary_preprocess;
  const bool dense = style.operations == OperationSet::dense_1bit;
  const bool grouped = style.operations == OperationSet::group_shuffle;
  const bool sloped = !dense && (style.precision.binary_inputs || grouped);
  const bool plain = dense || (grouped && !halve);  // no norm behind the convolution
  sign_ = dense && binary && style.precision.binary_inputs;
  shortcut_ = grouped && !halve && in == out;
  if (dense || sloped) {
    before_ = std::make_unique<Norm>(stream, name + ".before", in, style.norm, affine);
  }
  if (!plain) {
    after_ = std::make_unique<Norm>(stream, name + ".norm", out, style.norm, affine);
  }
  if (sloped) {
    slope_ = prelu_slope(stream, name, out);
  }
  if (halve && !dense) {
    reducing_ = std::make_unique<ReducingConv>(stream, name, in, out, style, binary, key);
    return;
  }
  const ConvSpec spec{.in = in, .out = out, .kernel = halve ? 3 : 1, .stride = halve ? 2 : 1};
  conv_ = std::make_unique<WeightedConv>(stream, name, spec, style, binary, plain, key);
}

Var Preprocess::forward(Context& ctx, const Var& x) {
  const Var input = !before_ ? ops::relu(ctx, x) : sign_ ? before_->forward_sign(ctx, x) : before_->forward(ctx, x);
  const Var y = conv_ ? conv_->forward(ctx, input) : reducing_->forward(ctx, input);
  if (!after_) {
    const Var real = ops::to_float(ctx, y);
    const Var bent = slope_ ? ops::prelu(ctx, real, nn::use(ctx, *slope_)) : ops::relu(ctx, real);
    return shortcut_ ? ops::add(ctx, bent, x) : bent;
  }
  return slope_ ? after_->forward_prelu(ctx, y, {{}, nn::use(ctx, *slope_), {}}) : after_->forward(ctx, y);
}

void Preprocess::parameters(const Visit& visit) {
  if (before_) {
    before_->parameters(visit);
  }
  conv_ ? conv_->parameters(visit) : reducing_->parameters(visit);
  if (after_) {
    after_->parameters(visit);
  }
  if (slope_) {
    visit(*slope_);
  }
}

void Preprocess::buffers(const VisitBuffer& visit) {
  if (before_) {
    before_->buffers(visit);
  }
  if (after_) {
    after_->buffers(visit);
  }
}

void Preprocess::convolutions(const VisitConv& visit) { conv_ ? visit(*conv_) : reducing_->convolutions(visit); }

}  // namespace bnas::nas
