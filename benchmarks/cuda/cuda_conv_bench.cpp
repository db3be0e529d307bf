// SPDX-License-Identifier: Apache-2.0
// Packed convolutions, every variant that the device takes: time, share of the memory bandwidth, and share of what its
// units for such products do at best.
//   cuda_conv_bench [--benchmark_filter=...] [--benchmark_format=json] [--benchmark_min_time=...]
#include <string>

#include "bnas/cuda/binary_conv2d.hpp"
#include "cuda/layers.hpp"
#include "cuda/rotation.hpp"

namespace {

using namespace bnas;
using namespace bnas::bench;

double peak(cuda::BinaryConvVariant variant) {
  switch (variant) {
    case cuda::BinaryConvVariant::tensor_b1:
      return cuda_device().b1_macs;
    case cuda::BinaryConvVariant::tensor_s8:
      return cuda_device().s8_macs;
    default:
      return cuda_device().popcount_macs;
  }
}

void binary_conv(benchmark::State& state, const Conv2dDims& d, cuda::BinaryConvVariant variant) {
  const cuda::BinaryConvPlan plan = cuda::plan_binary_conv2d(d, cuda_device().capability, variant);
  require(plan.status);
  const std::int64_t y_bytes = outputs(d) * cuda::dot_bytes(d.k());
  const std::size_t bytes =
      Arena::padded(4 * packed_inputs(d)) + Arena::padded(4 * packed_weights(d)) + Arena::padded(y_bytes);
  const Work work{static_cast<double>(4 * (packed_inputs(d) + packed_weights(d)) + y_bytes),
                  static_cast<double>(outputs(d)) * d.k(), peak(plan.variant)};
  state.SetLabel(cuda::binary_conv2d_info(plan).variant);
  measure(state, bytes, work, [&](Arena& arena, cudaStream_t stream) {
    const Word* const x = arena.take<Word>(packed_inputs(d));
    const Word* const w = arena.take<Word>(packed_weights(d));
    return cuda::binary_conv2d(plan, x, w, arena.take<char>(y_bytes), nullptr, stream);
  });
}

void add_all() {
  using Variant = cuda::BinaryConvVariant;
  const std::pair<const char*, Variant> variants[] = {
      {"popcount", Variant::popcount}, {"tensor_b1", Variant::tensor_b1}, {"tensor_s8", Variant::tensor_s8}};
  for (const Conv2dDims& d : measured_layers()) {
    add("binary_conv2d/automatic/" + text(d),
        [d](benchmark::State& state) { binary_conv(state, d, Variant::automatic); });
    for (const auto& [name, variant] : variants) {
      if (cuda::plan_binary_conv2d(d, cuda_device().capability, variant).status.ok()) {
        add(std::string("binary_conv2d/") + name + "/" + text(d),
            [d, variant = variant](benchmark::State& state) { binary_conv(state, d, variant); });
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) { return cuda_bench_main(argc, argv, add_all); }
