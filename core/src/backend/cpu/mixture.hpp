// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/core/kernels/mixture.hpp"

namespace bnas::cpu {

kernels::ScaleChannels::Signature scale_channels;
kernels::DotChannels::Signature dot_channels;
kernels::Prelu::Signature prelu;
kernels::PreluBackward::Signature prelu_backward;
kernels::PreluSlopeBackward::Signature prelu_slope_backward;
kernels::MixtureWeights::Signature mixture_weights;
kernels::MixtureWeightsBackward::Signature mixture_weights_backward;
kernels::EntropyGradient::Signature entropy_gradient;
kernels::BroadcastEntry::Signature broadcast_entry;
kernels::BroadcastEntryBackward::Signature broadcast_entry_backward;
kernels::PlaceChannels::Signature place_channels;
kernels::ShuffleChannels::Signature shuffle_channels;
kernels::TakePixels::Signature take_pixels;
kernels::PutPixels::Signature put_pixels;
kernels::DropSamples::Signature drop_samples;

}  // namespace bnas::cpu
