// SPDX-License-Identifier: Apache-2.0
// Gradients of packed convolutions, every method that the device takes.
//   cuda_gradient_bench [--benchmark_filter=...] [--benchmark_format=json] [--benchmark_min_time=...]
#include <string>

#include "bnas/cuda/conv2d.hpp"
#include "cuda/layers.hpp"
#include "cuda/rotation.hpp"

namespace {

using namespace bnas;
using namespace bnas::bench;

struct Case {
  const char* name;
  cuda::Conv2dPass pass;
  cuda::Conv2dMethod method;
  cuda::Precision precision;
};

/// Each of three terms of dy takes a product.
double peak(const Case& what) {
  return what.method == cuda::Conv2dMethod::direct ? cuda_device().f32_macs
         : what.precision == cuda::Precision::bf16 ? cuda_device().bf16_macs
                                                   : cuda_device().bf16_macs / 3.0;
}

void gradient(benchmark::State& state, const Conv2dDims& d, const Case& what) {
  const bool by_input = what.pass == cuda::Conv2dPass::backward_input;
  cuda::Conv2dOptions options;
  options.compute_capability = cuda_device().capability;
  options.precision = what.precision;
  options.method = what.method;
  cuda::Conv2dPlan plan;
  require(cuda::plan_conv2d({what.pass, d, true, false}, options, &plan));
  const std::int64_t packed = by_input ? packed_weights(d) : packed_inputs(d);
  const std::int64_t gradients = by_input ? inputs(d) : weights(d);
  const auto workspace = static_cast<std::int64_t>(plan.workspace_bytes);
  const std::size_t bytes = Arena::padded(4 * outputs(d)) + Arena::padded(4 * packed) + Arena::padded(4 * gradients) +
                            Arena::padded(workspace) + Arena::padded(cuda::kTickets * 4);
  const Work work{static_cast<double>(4 * (outputs(d) + packed + gradients)), static_cast<double>(outputs(d)) * d.k(),
                  peak(what)};
  state.SetLabel(cuda::conv2d_info(plan).variant);
  measure(state, bytes, work, [&](Arena& arena, cudaStream_t stream) {
    const float* const dy = arena.take<float>(outputs(d));
    const Word* const bits = arena.take<Word>(packed);
    auto* const gradient = arena.take<float>(gradients);
    cuda::Scratch scratch;
    scratch.data = arena.take<char>(workspace);
    scratch.bytes = plan.workspace_bytes;
    scratch.tickets = arena.take<unsigned>(cuda::kTickets);
    return by_input ? cuda::conv2d_backward_input(plan, dy, bits, gradient, false, scratch, stream)
                    : cuda::conv2d_backward_weight(plan, dy, bits, gradient, false, scratch, stream);
  });
}

void add_all() {
  using Pass = cuda::Conv2dPass;
  using Method = cuda::Conv2dMethod;
  using Precision = cuda::Precision;
  const Case cases[] = {
      {"backward_input/direct", Pass::backward_input, Method::direct, Precision::f32},
      {"backward_input/tensor_f32", Pass::backward_input, Method::tensor_cores, Precision::f32},
      {"backward_input/tensor_bf16", Pass::backward_input, Method::tensor_cores, Precision::bf16},
      {"backward_weight/direct", Pass::backward_weight, Method::direct, Precision::f32},
      {"backward_weight/tensor_f32", Pass::backward_weight, Method::tensor_cores, Precision::f32},
      {"backward_weight/tensor_bf16", Pass::backward_weight, Method::tensor_cores, Precision::bf16},
  };
  for (const Conv2dDims& d : measured_layers()) {
    for (const Case& what : cases) {
      if (what.method == Method::direct || cuda_device().capability >= 80) {
        add(std::string(what.name) + "/" + text(d), [=](benchmark::State& state) { gradient(state, d, what); });
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) { return cuda_bench_main(argc, argv, add_all); }
