// SPDX-License-Identifier: Apache-2.0
// Layers travel as a kernel argument, so that a launch needs no upload and can be captured. A warp takes a word of some
// layer: lanes are channels, ballots are words.
#include <algorithm>

#include "bnas/cuda/latent_weights.hpp"
#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

constexpr int kWarp = 32;
constexpr int kWarps = kBlockThreads / kWarp;
constexpr int kMaxLayers = 64;  // 64 * 48 bytes fit the 4 KiB of kernel arguments

struct LayerTable {
  LatentWeights layers[kMaxLayers];
  int first_word[kMaxLayers + 1];  // layer i has the words first_word[i] .. first_word[i + 1] - 1
  int count;
};
static_assert(sizeof(LayerTable) <= 4096);

struct Place {
  const LatentWeights* layer;
  std::int64_t word;  // of the layer
  std::int64_t element;
  bool inside;  // this lane's channel exists
};

__device__ Place locate(const LayerTable& table, int word) {
  int low = 0;
  for (int high = table.count; high - low > 1;) {
    const int middle = (low + high) / 2;
    (table.first_word[middle] <= word ? low : high) = middle;
  }
  const LatentWeights& layer = table.layers[low];
  const int own = word - table.first_word[low];
  const int row_words = static_cast<int>(words_for(layer.channels));
  const int row = own / row_words;
  const int channel = (own - row * row_words) * kWordBits + static_cast<int>(threadIdx.x) % kWarp;
  return {&layer, own, static_cast<std::int64_t>(row) * layer.channels + channel, channel < layer.channels};
}

__global__ void binarize_weights_multi_kernel(const __grid_constant__ LayerTable table) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int step = static_cast<int>(gridDim.x) * kWarps;
  for (int word = static_cast<int>(blockIdx.x * kWarps + threadIdx.x / kWarp); word < table.first_word[table.count];
       word += step) {
    const Place place = locate(table, word);
    const float w = place.inside ? place.layer->latent[place.element] : 0.0F;
    const Word signs = __ballot_sync(~0U, w < 0.0F);
    const Word small = __ballot_sync(~0U, place.inside && fabsf(w) <= 1.0F);
    if (lane == 0) {
      place.layer->bits[place.word] = signs;
    }
    if (lane == 1) {
      place.layer->mask[place.word] = small;
    }
  }
}

__global__ void mask_gradients_multi_kernel(const __grid_constant__ LayerTable table) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const int step = static_cast<int>(gridDim.x) * kWarps;
  for (int word = static_cast<int>(blockIdx.x * kWarps + threadIdx.x / kWarp); word < table.first_word[table.count];
       word += step) {
    const Place place = locate(table, word);
    if (place.inside && (place.layer->mask[place.word] >> lane & 1U) == 0U) {
      place.layer->grad[place.element] = 0.0F;
    }
  }
}

/// Calls launch(table, blocks) for each table's worth of layers.
template <class Launch>
void for_each_table(const LatentWeights* layers, int count, Launch launch) {
  for (int first = 0; first < count; first += kMaxLayers) {
    LayerTable table{};
    table.count = std::min(kMaxLayers, count - first);
    for (int i = 0; i < table.count; ++i) {
      const LatentWeights& layer = table.layers[i] = layers[first + i];
      table.first_word[i + 1] = table.first_word[i] + layer.rows * static_cast<int>(words_for(layer.channels));
    }
    const int words = table.first_word[table.count];
    if (words > 0) {
      launch(table, blocks_for(words, kWarps));
    }
  }
}

/// Pointers are checked by `complete(layer)`.
template <class Complete>
bool are_valid(const LatentWeights* layers, int count, Complete complete) {
  std::int64_t words = 0;
  for (int i = 0; i < count; ++i) {
    if (layers[i].rows < 0 || layers[i].channels < 1 || !complete(layers[i])) {
      return false;
    }
    words += layers[i].rows * words_for(layers[i].channels);
  }
  return count >= 0 && words < (std::int64_t{1} << 31);
}

}  // namespace

Status binarize_weights(const LatentWeights* layers, int count, cudaStream_t stream) {
  if (!are_valid(layers, count, [](const LatentWeights& layer) {
        return layer.latent != nullptr && layer.bits != nullptr && layer.mask != nullptr;
      })) {
    return invalid_argument("binarize_weights: a layer lacks a pointer or channels, or all have 2^31 words or more");
  }
  for_each_table(layers, count, [&](const LayerTable& table, unsigned blocks) {
    binarize_weights_multi_kernel<<<blocks, kBlockThreads, 0, stream>>>(table);
  });
  return launched("binarize_weights");
}

Status mask_gradients(const LatentWeights* layers, int count, cudaStream_t stream) {
  if (!are_valid(layers, count,
                 [](const LatentWeights& layer) { return layer.mask != nullptr && layer.grad != nullptr; })) {
    return invalid_argument("mask_gradients: a layer lacks a pointer or channels, or all have 2^31 words or more");
  }
  for_each_table(layers, count, [&](const LayerTable& table, unsigned blocks) {
    mask_gradients_multi_kernel<<<blocks, kBlockThreads, 0, stream>>>(table);
  });
  return launched("mask_gradients");
}

}  // namespace bnas::cuda
