// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bnas/core/nn/module.hpp"
#include "bnas/core/ops/norm.hpp"

namespace bnas::nn {

/// Which axis of images (N,H,W,C) has statistics and scales of its own.
enum class NormAxis : std::uint8_t {
  channel,
  row,  ///< H: what the first of these programs did, by mistake; cannot become thresholds of channels
};

/// Batch norm over the channels of f32 or integer inputs. gamma starts at 1, beta at 0, running statistics at 0 and 1.
class BatchNorm final : public Module {
 public:
  BatchNorm(Stream& stream, const std::string& name, std::int64_t channels, const ops::BatchNormOptions& options = {});
  Var forward(Context& ctx, const Var& x) override;
  /// sign(forward(x)) as bits, without the floats between.
  Var forward_sign(Context& ctx, const Var& x);
  /// As forward(), over the rows of images (N,H,W,C): `channels` is their height.
  Var forward_rows(Context& ctx, const Var& x);
  void parameters(const std::function<void(Parameter&)>& visit) override;
  void buffers(const std::function<void(const std::string& name, Tensor&)>& visit) override;

 private:
  std::string name_;
  Parameter gamma_;
  Parameter beta_;
  ops::RunningStats stats_;
  ops::BatchNormOptions options_;
};

}  // namespace bnas::nn
