// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/mixture.hpp"
#include "backend/cpu/register.hpp"

namespace bnas::cpu {

void register_mixture(KernelTable& table) {
  table.add<kernels::ScaleChannels>(scale_channels);
  table.add<kernels::DotChannels>(dot_channels);
  table.add<kernels::Prelu>(prelu);
  table.add<kernels::PreluBackward>(prelu_backward);
  table.add<kernels::PreluSlopeBackward>(prelu_slope_backward);
  table.add<kernels::MixtureWeights>(mixture_weights);
  table.add<kernels::MixtureWeightsBackward>(mixture_weights_backward);
  table.add<kernels::EntropyGradient>(entropy_gradient);
  table.add<kernels::BroadcastEntry>(broadcast_entry);
  table.add<kernels::BroadcastEntryBackward>(broadcast_entry_backward);
  table.add<kernels::PlaceChannels>(place_channels);
  table.add<kernels::ShuffleChannels>(shuffle_channels);
  table.add<kernels::TakePixels>(take_pixels);
  table.add<kernels::PutPixels>(put_pixels);
  table.add<kernels::DropSamples>(drop_samples);
}

}  // namespace bnas::cpu
