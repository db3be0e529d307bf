// SPDX-License-Identifier: Apache-2.0
#include "differentiable/units.hpp"

#include <fmt/format.h>

#include <numeric>
#include <optional>

#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/mixture.hpp"
#include "bnas/core/ops/structure.hpp"

namespace bnas::nas {
namespace {

Var times(Context& ctx, const Var& x, const Var& gain) {
  return gain.value.defined() ? ops::scale_channels(ctx, x, gain) : x;
}

ConvSpec window(const Candidate& candidate, const UnitPlace& place) {
  return {.in = place.channels,
          .out = place.channels,
          .kernel = candidate.kernel,
          .stride = place.stride,
          .dilation = candidate.dilation};
}

/// W32A32: depthwise, pointwise, norm. W1A32: a norm between the two as well (CP-NAS, figure of the cells).
/// Binary inputs: norm and sign between the two; the unit's input is added, then PReLU (the released code of DCP-NAS).
class SeparableUnit final : public ConvUnit {
 public:
  SeparableUnit(Stream& stream, const std::string& name, const Candidate& candidate, const UnitPlace& place,
                const CellStyle& style, const RandomKey& key)
      : depthwise_(stream, name + ".depthwise", depthwise(candidate, place), style, style.precision.binary_weights,
                   false, key.derive(0)),
        pointwise_(stream, name + ".pointwise", {.in = place.channels, .out = place.channels}, style,
                   style.precision.binary_weights, false, key.derive(1)),
        norm_(stream, name + ".norm", place.channels, style.norm, place.affine),
        sign_(style.precision.binary_inputs),
        shortcut_(place.stride == 1 && (style.shortcuts || sign_)) {
    if (style.precision.any()) {
      between_ = std::make_unique<Norm>(stream, name + ".between", place.channels, style.norm, place.affine);
    }
    if (sign_) {
      slope_ = prelu_slope(stream, name, place.channels);
    }
  }

  Var forward(Context& ctx, const Var& x, ReadImage& activated, const Var& gain) override {
    Var y = depthwise_.forward(ctx, activated);
    if (between_) {
      y = sign_ ? between_->forward_sign(ctx, y) : between_->forward(ctx, y);
    }
    y = pointwise_.forward(ctx, y);
    if (slope_) {
      return norm_.forward_prelu(ctx, y, {shortcut_ ? x : Var{}, nn::use(ctx, *slope_), gain});
    }
    return shortcut_ ? times(ctx, ops::add(ctx, norm_.forward(ctx, y), x), gain) : norm_.forward(ctx, y, gain);
  }
  void parameters(const Visit& visit) override {
    depthwise_.parameters(visit);
    if (between_) {
      between_->parameters(visit);
    }
    pointwise_.parameters(visit);
    norm_.parameters(visit);
    if (slope_) {
      visit(*slope_);
    }
  }
  void buffers(const VisitBuffer& visit) override {
    if (between_) {
      between_->buffers(visit);
    }
    norm_.buffers(visit);
  }
  void convolutions(const VisitConv& visit) override {
    visit(depthwise_);
    visit(pointwise_);
  }

 private:
  static ConvSpec depthwise(const Candidate& candidate, const UnitPlace& place) {
    ConvSpec spec = window(candidate, place);
    spec.depthwise = true;
    return spec;
  }

  WeightedConv depthwise_;
  std::unique_ptr<Norm> between_;
  WeightedConv pointwise_;
  Norm norm_;
  bool sign_, shortcut_;
  std::optional<nn::Parameter> slope_;
};

/// (norm, sign,) convolution, ReLU (Kim et al. 2020).
class DenseUnit final : public ConvUnit {
 public:
  DenseUnit(Stream& stream, const std::string& name, const Candidate& candidate, const UnitPlace& place,
            const CellStyle& style, const RandomKey& key)
      : conv_(stream, name + ".conv", window(candidate, place), style, style.precision.binary_weights, true, key),
        shortcut_(place.stride == 1 && style.shortcuts) {}

  Var forward(Context& ctx, const Var& x, ReadImage& activated, const Var& gain) override {
    const Var y = ops::relu(ctx, ops::to_float(ctx, conv_.forward(ctx, activated)));
    return times(ctx, shortcut_ ? ops::add(ctx, y, x) : y, gain);
  }
  void parameters(const Visit& visit) override { conv_.parameters(visit); }
  void convolutions(const VisitConv& visit) override { visit(conv_); }

 private:
  WeightedConv conv_;
  bool shortcut_;
};

/// (norm, sign,) group convolution, PReLU, channel shuffle, plus the input (BATS).
class GroupUnit final : public ConvUnit {
 public:
  GroupUnit(Stream& stream, const std::string& name, const Candidate& candidate, const UnitPlace& place,
            const CellStyle& style, const RandomKey& key)
      : slope_(prelu_slope(stream, name, place.channels)),
        width_(place.channels / groups(place.channels)),
        shuffles_(std::gcd(place.channels, std::int64_t{4})),
        shortcut_(place.stride == 1) {
    for (std::int64_t g = 0; g < groups(place.channels); ++g) {
      ConvSpec spec = window(candidate, place);
      spec.in = spec.out = width_;
      convs_.push_back(std::make_unique<WeightedConv>(stream, fmt::format("{}.group{}", name, g), spec, style,
                                                      style.precision.binary_weights, true,
                                                      key.derive(static_cast<std::uint64_t>(g))));
    }
  }

  Var forward(Context& ctx, const Var& x, ReadImage& activated, const Var& gain) override {
    const Var values = ops::to_float(ctx, activated.whole());
    std::vector<Var> parts;
    for (std::size_t g = 0; g < convs_.size(); ++g) {
      Var part = ops::slice_channels(ctx, values, static_cast<std::int64_t>(g) * width_, width_);
      part = activated.whole().value.dtype() == DType::bit ? ops::sign(ctx, part) : part;
      parts.push_back(convs_[g]->forward(ctx, part));
    }
    const Var joined = ops::to_float(ctx, ops::concat_channels(ctx, parts));
    const Var y = ops::shuffle_channels(ctx, ops::prelu(ctx, joined, nn::use(ctx, slope_)), shuffles_);
    return times(ctx, shortcut_ ? ops::add(ctx, y, x) : y, gain);
  }
  void parameters(const Visit& visit) override {
    for (const auto& conv : convs_) {
      conv->parameters(visit);
    }
    visit(slope_);
  }
  void convolutions(const VisitConv& visit) override {
    for (const auto& conv : convs_) {
      visit(*conv);
    }
  }

 private:
  /// 12, or the largest number below that divides the channels.
  static std::int64_t groups(std::int64_t channels) {
    std::int64_t g = std::min<std::int64_t>(12, channels);
    while (channels % g != 0) {
      --g;
    }
    return g;
  }

  std::vector<std::unique_ptr<WeightedConv>> convs_;
  nn::Parameter slope_;
  std::int64_t width_, shuffles_;
  bool shortcut_;
};

}  // namespace

std::unique_ptr<ConvUnit> make_unit(Stream& stream, const std::string& name, const Candidate& candidate,
                                    const UnitPlace& place, const CellStyle& style, const RandomKey& key) {
  switch (candidate.kind) {
    case CandidateKind::dense:
      return std::make_unique<DenseUnit>(stream, name, candidate, place, style, key);
    case CandidateKind::grouped:
      return std::make_unique<GroupUnit>(stream, name, candidate, place, style, key);
    default:
      return std::make_unique<SeparableUnit>(stream, name, candidate, place, style, key);
  }
}

}  // namespace bnas::nas
