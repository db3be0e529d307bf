// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/nn/factorized_reduction.hpp"

#include "bnas/core/ops/binary.hpp"
#include "bnas/core/ops/structure.hpp"

namespace bnas::nn {
namespace {

constexpr int kStride = 2;
/// Skips the first pixel; the pixel past the end of an odd image is padding.
constexpr AxisPad kShifted{-1, 1};

}  // namespace

FactorizedReduction::FactorizedReduction(Stream& stream, const std::string& name, std::int64_t in, std::int64_t out,
                                         RandomKey key, const Binarization& binarization)
    : even_(stream, name + ".even", {in, out - out / 2}, ops::Geometry::with_stride(kStride), key.derive(0),
            binarization),
      odd_(stream, name + ".odd", {in, out / 2}, ops::Geometry::explicit_pad(kStride, kShifted, kShifted),
           key.derive(1), binarization) {}

Var FactorizedReduction::forward(Context& ctx, const Var& x) {
  return ops::concat_channels(ctx, {even_.forward(ctx, x), odd_.forward(ctx, x)});
}

void FactorizedReduction::parameters(const std::function<void(Parameter&)>& visit) {
  even_.parameters(visit);
  odd_.parameters(visit);
}

}  // namespace bnas::nn
