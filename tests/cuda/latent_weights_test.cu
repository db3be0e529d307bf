// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/latent_weights.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "bnas/portable/philox.hpp"
#include "cuda/support/device_buffer.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("LatentWeights", "bit by bit on the host, equal");

/// A layer on the device with what must come of it, bit by bit from the definition.
struct Layer {
  int rows, channels;
  std::vector<float> latent, grad;
  DeviceBuffer<float> d_latent, d_grad;
  DeviceBuffer<Word> bits, mask;

  Layer(int r, int c, std::uint64_t site)
      : rows(r),
        channels(c),
        latent(values(site)),
        grad(values(site + 1)),
        d_latent(DeviceBuffer<float>::input(latent)),
        d_grad(DeviceBuffer<float>::output(grad.size())),
        bits(DeviceBuffer<Word>::output(word_count())),
        mask(DeviceBuffer<Word>::output(word_count())) {
    d_grad.upload(grad);
  }
  std::size_t word_count() const { return static_cast<std::size_t>(rows * words_for(channels)); }
  std::vector<float> values(std::uint64_t site) const {
    const RandomKey key{11, site, RandomPurpose::sample};
    std::vector<float> out(static_cast<std::size_t>(rows) * static_cast<std::size_t>(channels));
    for (std::size_t i = 0; i < out.size(); ++i) {
      out[i] = 4.0F * key.uniform(i) - 2.0F;
    }
    const float special[] = {1.0F, -1.0F, -0.0F, 0.0F, std::nextafter(1.0F, 2.0F)};
    for (std::size_t i = 0; i < out.size() && i < std::size(special); ++i) {
      out[i] = special[i];
    }
    return out;
  }
  LatentWeights device() const { return {d_latent.data(), bits.data(), mask.data(), d_grad.data(), rows, channels}; }

  template <class Bit>
  std::vector<Word> packed(Bit bit) const {
    std::vector<Word> words(word_count(), 0U);
    for (int r = 0; r < rows; ++r) {
      for (int c = 0; c < channels; ++c) {
        const auto at = static_cast<std::size_t>(r * words_for(channels) + c / 32);
        words[at] |= static_cast<Word>(bit(latent[static_cast<std::size_t>(r * channels + c)])) << (c % 32);
      }
    }
    return words;
  }
};

/// More layers than one launch takes; rows that end before, at and behind a word.
std::vector<Layer> many_layers() {
  std::vector<Layer> layers;
  const int channels[] = {1, 31, 32, 33, 64, 65};
  for (int i = 0; i < 66; ++i) {
    layers.emplace_back(1 + i % 5, channels[i % 6], static_cast<std::uint64_t>(2 * i));
  }
  return layers;
}

std::vector<LatentWeights> on_device(const std::vector<Layer>& layers) {
  std::vector<LatentWeights> out;
  for (const Layer& layer : layers) {
    out.push_back(layer.device());
  }
  return out;
}

TEST(LatentWeights, BitsAndMasksOfManyLayersAndMaskedGradients) {
  const TestStream stream;
  const std::vector<Layer> layers = many_layers();
  const std::vector<LatentWeights> device = on_device(layers);
  capture_and_replay(stream, 2, [&](cudaStream_t s) {
    const Status first = binarize_weights(device.data(), static_cast<int>(device.size()), s);
    return first.ok() ? mask_gradients(device.data(), static_cast<int>(device.size()), s) : first;
  });
  for (const Layer& layer : layers) {
    SCOPED_TRACE(std::to_string(layer.rows) + " x " + std::to_string(layer.channels));
    EXPECT_EQ(layer.bits.download(), layer.packed([](float w) { return w < 0.0F; }));
    EXPECT_EQ(layer.mask.download(), layer.packed([](float w) { return std::fabs(w) <= 1.0F; }));
    std::vector<float> want = layer.grad;
    for (std::size_t i = 0; i < want.size(); ++i) {
      want[i] = std::fabs(layer.latent[i]) <= 1.0F ? want[i] : 0.0F;
    }
    EXPECT_EQ(layer.d_grad.download(), want);
  }
}

TEST(LatentWeights, RefusesIncompleteLayers) {
  const TestStream stream;
  const Layer layer(2, 3, 1);
  LatentWeights broken = layer.device();
  broken.mask = nullptr;
  EXPECT_EQ(binarize_weights(&broken, 1, stream.get()).code, StatusCode::invalid_argument);
  EXPECT_EQ(mask_gradients(&broken, 1, stream.get()).code, StatusCode::invalid_argument);
  broken = layer.device();
  broken.channels = 0;
  EXPECT_EQ(binarize_weights(&broken, 1, stream.get()).code, StatusCode::invalid_argument);
  EXPECT_TRUE(binarize_weights(nullptr, 0, stream.get()).ok());
}

}  // namespace
}  // namespace bnas::cuda::test
