// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/register.hpp"
#include "backend/cpu/weights.hpp"

namespace bnas::cpu {

void register_weights(KernelTable& table) {
  table.add<kernels::FilterScale>(filter_scale);
  table.add<kernels::FilterScaleBackward>(filter_scale_backward);
  table.add<kernels::LatentBackward>(latent_backward);
  table.add<kernels::ProjectWeights>(project_weights);
  table.add<kernels::ProjectionBackward>(projection_backward);
  table.add<kernels::AmplitudeBackward>(amplitude_backward);
  table.add<kernels::CenterWeights>(center_weights);
}

}  // namespace bnas::cpu
