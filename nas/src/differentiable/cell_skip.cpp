// SPDX-License-Identifier: Apache-2.0
#include "differentiable/cell_skip.hpp"

namespace bnas::nas {

std::unique_ptr<CellSkip> CellSkip::make(Stream& stream, const std::string& name, const CellPlace& place,
                                         const CellStyle& style, const RandomKey& key) {
  const std::int64_t out = kCellNodes * place.channels;
  if (!style.cell_skips || (!place.reduce && place.previous != out)) {
    return nullptr;
  }
  auto skip = std::make_unique<CellSkip>();
  if (place.reduce) {
    skip->norm_ = std::make_unique<Norm>(stream, name + ".norm", place.previous, style.norm, true);
    skip->conv_ = std::make_unique<nn::Conv2d>(stream, name + ".conv", nn::ConvSize{place.previous, out, 2, 2},
                                               ops::Geometry::with_stride(2), key);
  }
  return skip;
}

Var CellSkip::forward(Context& ctx, const Var& previous) {
  return norm_ ? conv_->forward(ctx, norm_->forward(ctx, previous)) : previous;
}

void CellSkip::parameters(const Visit& visit) {
  if (norm_) {
    norm_->parameters(visit);
    conv_->parameters(visit);
  }
}

void CellSkip::buffers(const VisitBuffer& visit) {
  if (norm_) {
    norm_->buffers(visit);
  }
}

}  // namespace bnas::nas
