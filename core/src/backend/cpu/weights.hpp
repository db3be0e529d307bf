// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/core/kernels/weights.hpp"

namespace bnas::cpu {

kernels::FilterScale::Signature filter_scale;
kernels::FilterScaleBackward::Signature filter_scale_backward;
kernels::LatentBackward::Signature latent_backward;
kernels::ProjectWeights::Signature project_weights;
kernels::ProjectionBackward::Signature projection_backward;
kernels::AmplitudeBackward::Signature amplitude_backward;
kernels::CenterWeights::Signature center_weights;

}  // namespace bnas::cpu
