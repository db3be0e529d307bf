// SPDX-License-Identifier: Apache-2.0
#include "differentiable/stem.hpp"

#include <algorithm>

#include "bnas/core/ops/structure.hpp"

namespace bnas::nas {
namespace {

constexpr AxisPad kOne{1, 1};  // the same pixels whatever the image's size
constexpr std::int64_t kNarrow = 128, kWide = 768;

ops::Geometry window(int stride) { return ops::Geometry::explicit_pad(stride, kOne, kOne); }

}  // namespace

Stem::Stem(Stream& stream, std::int64_t in, std::int64_t out, const CellStyle& style, const RandomKey& key)
    : norm_first_(style.operations == OperationSet::dense_1bit),
      conv_(stream, "stem", {in, out, 3, 3}, window(1), key),
      norm_(stream, "stem.norm", norm_first_ ? in : out, style.norm, true) {}

Var Stem::forward(Context& ctx, const Var& x) {
  return norm_first_ ? ops::relu(ctx, conv_.forward(ctx, norm_.forward(ctx, x)))
                     : norm_.forward(ctx, conv_.forward(ctx, x));
}

void Stem::parameters(const Visit& visit) {
  conv_.parameters(visit);
  norm_.parameters(visit);
}

ReducingStem::ReducingStem(Stream& stream, std::int64_t in, std::int64_t out, const CellStyle& style,
                           const RandomKey& key)
    : conv0_(stream, "stem0", {in, out / 2, 3, 3}, window(2), key.derive(0)),
      conv1_(stream, "stem1", {out / 2, out, 3, 3}, window(2), key.derive(1)),
      conv2_(stream, "stem2", {out, out, 3, 3}, window(2), key.derive(2)),
      norm0_(stream, "stem0.norm", out / 2, style.norm, true),
      norm1_(stream, "stem1.norm", out, style.norm, true),
      norm2_(stream, "stem2.norm", out, style.norm, true) {}

std::pair<Var, Var> ReducingStem::forward(Context& ctx, const Var& x) {
  const Var half = ops::relu(ctx, norm0_.forward(ctx, conv0_.forward(ctx, x)));
  const Var quarter = norm1_.forward(ctx, conv1_.forward(ctx, half));
  return {quarter, norm2_.forward(ctx, conv2_.forward(ctx, ops::relu(ctx, quarter)))};
}

void ReducingStem::parameters(const Visit& visit) {
  for (nn::Module* module :
       {static_cast<nn::Module*>(&conv0_), static_cast<nn::Module*>(&norm0_), static_cast<nn::Module*>(&conv1_),
        static_cast<nn::Module*>(&norm1_), static_cast<nn::Module*>(&conv2_), static_cast<nn::Module*>(&norm2_)}) {
    module->parameters(visit);
  }
}

void ReducingStem::buffers(const VisitBuffer& visit) {
  for (Norm* norm : {&norm0_, &norm1_, &norm2_}) {
    norm->buffers(visit);
  }
}

AuxiliaryHead::AuxiliaryHead(Stream& stream, std::int64_t in, std::int64_t classes, bool large_images,
                             const CellStyle& style, const RandomKey& key)
    : narrow_(stream, "auxiliary.narrow", {in, kNarrow, 1, 1}, ops::Geometry::with_stride(1), key.derive(0)),
      wide_(stream, "auxiliary.wide", {kNarrow, kWide, 2, 2}, ops::Geometry::explicit_pad(1, {}, {}), key.derive(1)),
      narrow_norm_(stream, "auxiliary.narrow.norm", kNarrow, style.norm, true),
      classifier_(stream, "auxiliary.classifier", kWide, classes, key.derive(2)) {
  if (!large_images) {
    wide_norm_ = std::make_unique<Norm>(stream, "auxiliary.wide.norm", kWide, style.norm, true);
  }
}

Var AuxiliaryHead::forward(Context& ctx, const Var& x) {
  const int stride = std::min(x.shape()[1], x.shape()[2]) > kLeast && wide_norm_ ? 3 : 2;
  const Var pooled = ops::avg_pool(ctx, ops::relu(ctx, x), 5, ops::Geometry::explicit_pad(stride, {}, {}));
  Var y = ops::relu(ctx, narrow_norm_.forward(ctx, narrow_.forward(ctx, pooled)));
  y = wide_.forward(ctx, y);
  y = ops::relu(ctx, wide_norm_ ? wide_norm_->forward(ctx, y) : y);
  return classifier_.forward(ctx, ops::global_avg_pool(ctx, y));
}

void AuxiliaryHead::parameters(const Visit& visit) {
  narrow_.parameters(visit);
  narrow_norm_.parameters(visit);
  wide_.parameters(visit);
  if (wide_norm_) {
    wide_norm_->parameters(visit);
  }
  classifier_.parameters(visit);
}

void AuxiliaryHead::buffers(const VisitBuffer& visit) {
  narrow_norm_.buffers(visit);
  if (wide_norm_) {
    wide_norm_->buffers(visit);
  }
}

}  // namespace bnas::nas
