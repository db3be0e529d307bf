// SPDX-License-Identifier: Apache-2.0
// Convolution kernels on one core: multiply-accumulates per second of CPU time, and their share of what the processor
// does in registers alone, measured right before. Only products of taps inside the image are counted.
//   kernels_bench [--benchmark_filter=...] [--benchmark_format=json]; BNAS_ISA=avx2|avx512|portable forces a path
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "backend/cpu/isa.hpp"
#include "bnas/core/backend.hpp"
#include "bnas/core/kernels/conv.hpp"
#include "bnas/portable/philox.hpp"
#include "kernels/peaks.hpp"

namespace {

using namespace bnas;

struct Layer {
  const char* name;
  Conv2dDims dims;
};

/// Batch, image side, channels, filters, kernel, stride; SAME padding.
Conv2dDims same(int n, int side, int c, int o, int kernel, int stride) {
  Conv2dDims d;
  d.n = n;
  d.h = d.w = side;
  d.c = c;
  d.o = o;
  d.kh = d.kw = kernel;
  d.stride_h = d.stride_w = stride;
  d.pad_h = d.pad_w = same_pad(side, kernel, stride);
  return d;
}

/// Products of one image whose tap lies inside, times the batch.
double multiply_accumulates(const Conv2dDims& d, bool depthwise) {
  const auto inside = [](int length, int kernel, int stride, int begin, int outputs) {
    double taps = 0.0;
    for (int out = 0; out < outputs; ++out) {
      for (int tap = 0; tap < kernel; ++tap) {
        const int at = out * stride + tap - begin;
        taps += at >= 0 && at < length ? 1.0 : 0.0;
      }
    }
    return taps;
  };
  return inside(d.h, d.kh, d.stride_h, d.pad_h.begin, d.oh()) * inside(d.w, d.kw, d.stride_w, d.pad_w.begin, d.ow()) *
         d.c * (depthwise ? 1 : d.o) * d.n;
}

Tensor random_tensor(Stream& stream, const Shape& shape, DType dtype, std::uint64_t seed) {
  const RandomKey key{seed, 0, RandomPurpose::synthetic};
  Tensor tensor(stream, shape, dtype);
  if (dtype == DType::f32) {
    for (std::int64_t i = 0; i < tensor.numel(); ++i) {
      tensor.data<float>()[i] = static_cast<float>(key.below(static_cast<std::uint64_t>(i), 2048)) / 1024.0F - 1.0F;
    }
    return tensor;
  }
  const std::int64_t words = words_for(shape.channels());
  for (std::int64_t i = 0; i < shape.rows() * words; ++i) {
    const Word used = (i + 1) % words == 0 ? tail_mask(shape.channels()) : ~Word{0};
    tensor.data<Word>()[i] = key.below(static_cast<std::uint64_t>(i), 0xFFFFFFFFU) & used;
  }
  return tensor;
}

void report(benchmark::State& state, double work, double bound) {
  using Counter = benchmark::Counter;
  state.counters["MAC/s"] = Counter(work, Counter::kIsIterationInvariantRate);
  state.counters["bound"] = bound;
  state.counters["share"] = Counter(work / bound, Counter::kIsIterationInvariantRate);
}

Shape x_shape(const Conv2dDims& d) { return {d.n, d.h, d.w, d.c}; }
Shape y_shape(const Conv2dDims& d) { return {d.n, d.oh(), d.ow(), d.o}; }
Shape w_shape(const Conv2dDims& d, bool depthwise) {
  return depthwise ? Shape{d.kh, d.kw, d.c} : Shape{d.o, d.kh, d.kw, d.c};
}

void binary_forward(benchmark::State& state, const Conv2dDims& d, bool depthwise) {
  const auto stream = backend_for({}).make_stream();
  const Tensor x = random_tensor(*stream, x_shape(d), DType::bit, 1);
  const Tensor w = random_tensor(*stream, w_shape(d, depthwise), DType::bit, 2);
  Tensor y(*stream, y_shape(d), dot_dtype(depthwise ? d.kh * d.kw : d.k()));
  Tensor no_sums;
  const double bound = bench::popcount_bound();
  for (auto _ : state) {
    depthwise ? dispatch<kernels::BinaryDepthwiseConv2d>(*stream, x, w, d, y)
              : dispatch<kernels::BinaryConv2d>(*stream, x, w, d, y, no_sums);
  }
  report(state, multiply_accumulates(d, depthwise), bound);
}

void float_forward(benchmark::State& state, const Conv2dDims& d) {
  const auto stream = backend_for({}).make_stream();
  const Tensor x = random_tensor(*stream, x_shape(d), DType::f32, 1);
  const Tensor w = random_tensor(*stream, w_shape(d, false), DType::f32, 2);
  Tensor y(*stream, y_shape(d), DType::f32);
  const double bound = bench::fma_bound();
  for (auto _ : state) {
    dispatch<kernels::Conv2d>(*stream, x, w, d, y);
  }
  report(state, multiply_accumulates(d, false), bound);
}

void backward_input(benchmark::State& state, const Conv2dDims& d, bool depthwise) {
  const auto stream = backend_for({}).make_stream();
  const Tensor dy = random_tensor(*stream, y_shape(d), DType::f32, 1);
  const Tensor w = random_tensor(*stream, w_shape(d, depthwise), DType::bit, 2);
  Tensor dx(*stream, x_shape(d), DType::f32);
  const double bound = bench::fma_bound();
  for (auto _ : state) {
    depthwise ? dispatch<kernels::DepthwiseConv2dBackwardInput>(*stream, dy, w, d, dx, GradMode::overwrite)
              : dispatch<kernels::Conv2dBackwardInput>(*stream, dy, w, d, dx, GradMode::overwrite);
  }
  report(state, multiply_accumulates(d, depthwise), bound);
}

void backward_weight(benchmark::State& state, const Conv2dDims& d, bool depthwise, DType x_type) {
  const auto stream = backend_for({}).make_stream();
  const Tensor dy = random_tensor(*stream, y_shape(d), DType::f32, 1);
  const Tensor x = random_tensor(*stream, x_shape(d), x_type, 2);
  Tensor dw(*stream, w_shape(d, depthwise), DType::f32);
  const double bound = bench::fma_bound();
  for (auto _ : state) {
    depthwise ? dispatch<kernels::DepthwiseConv2dBackwardWeight>(*stream, dy, x, d, dw, GradMode::overwrite)
              : dispatch<kernels::Conv2dBackwardWeight>(*stream, dy, x, d, dw, GradMode::overwrite);
  }
  report(state, multiply_accumulates(d, depthwise), bound);
}

void matrix_product(benchmark::State& state, int m, int k, int n, bool transpose_a, bool transpose_b) {
  const auto stream = backend_for({}).make_stream();
  const Tensor a = random_tensor(*stream, transpose_a ? Shape{k, m} : Shape{m, k}, DType::f32, 1);
  const Tensor b = random_tensor(*stream, transpose_b ? Shape{n, k} : Shape{k, n}, DType::f32, 2);
  Tensor c(*stream, {m, n}, DType::f32);
  const double bound = bench::fma_bound();
  for (auto _ : state) {
    dispatch<kernels::Gemm>(*stream, a, transpose_a, b, transpose_b, c, GradMode::overwrite);
  }
  report(state, 1.0 * m * k * n, bound);
}

template <class Run>
void add(const std::string& name, Run run) {
  benchmark::RegisterBenchmark(name.c_str(), run)->MinTime(0.05)->Repetitions(5)->ReportAggregatesOnly(true);
}

void add_all() {
  // The reference child: flat space, '3x3 bconv' beside '5x5 bconv', filters 16/24/32, batch 128.
  const std::vector<Layer> stems = {{"28x28x1-16/3x3s2", same(128, 28, 1, 16, 3, 2)},
                                    {"28x28x1-16/5x5s2", same(128, 28, 1, 16, 5, 2)}};
  const std::vector<Layer> binary = {{"14x14x32-24/3x3s2", same(128, 14, 32, 24, 3, 2)},
                                     {"14x14x32-24/5x5s2", same(128, 14, 32, 24, 5, 2)},
                                     {"7x7x48-32/3x3s2", same(128, 7, 48, 32, 3, 2)},
                                     {"7x7x48-32/5x5s2", same(128, 7, 48, 32, 5, 2)},
                                     {"dense1024-32", same(128, 1, 1024, 32, 1, 1)},
                                     // Stride 1, as in the table of published prototypes.
                                     {"14x14x32-32/3x3", same(128, 14, 32, 32, 3, 1)},
                                     {"28x28x48-16/3x3", same(128, 28, 48, 16, 3, 1)},
                                     {"32x32x64-64/3x3", same(64, 32, 64, 64, 3, 1)},
                                     {"14x14x16-16/3x3", same(128, 14, 16, 16, 3, 1)},
                                     {"32x32x16-16/3x3", same(128, 32, 16, 16, 3, 1)},
                                     {"8x8x64-64/3x3", same(128, 8, 64, 64, 3, 1)}};
  const Layer depthwise = {"32x32x16/3x3", same(128, 32, 16, 16, 3, 1)};
  for (const Layer& l : stems) {
    add(std::string("float_forward/") + l.name, [=](benchmark::State& s) { float_forward(s, l.dims); });
    add(std::string("weight_gradient/") + l.name,
        [=](benchmark::State& s) { backward_weight(s, l.dims, false, DType::f32); });
  }
  for (const Layer& l : binary) {
    add(std::string("binary_forward/") + l.name, [=](benchmark::State& s) { binary_forward(s, l.dims, false); });
    add(std::string("input_gradient/") + l.name, [=](benchmark::State& s) { backward_input(s, l.dims, false); });
    add(std::string("weight_gradient/") + l.name,
        [=](benchmark::State& s) { backward_weight(s, l.dims, false, DType::bit); });
  }
  add(std::string("depthwise_binary_forward/") + depthwise.name,
      [=](benchmark::State& s) { binary_forward(s, depthwise.dims, true); });
  add(std::string("depthwise_input_gradient/") + depthwise.name,
      [=](benchmark::State& s) { backward_input(s, depthwise.dims, true); });
  add(std::string("depthwise_weight_gradient/") + depthwise.name,
      [=](benchmark::State& s) { backward_weight(s, depthwise.dims, true, DType::bit); });
  add("gemm/128x1024x32_bt", [](benchmark::State& s) { matrix_product(s, 128, 1024, 32, false, true); });
  add("gemm/256x256x256", [](benchmark::State& s) { matrix_product(s, 256, 256, 256, false, false); });
}

}  // namespace

int main(int argc, char** argv) {
  if (const char* isa = std::getenv("BNAS_ISA")) {
    const std::string name = isa;
    cpu::use_isa(name == "portable" ? cpu::Isa::portable
                 : name == "avx2"   ? cpu::Isa::avx2
                 : name == "avx512" ? cpu::Isa::avx512
                                    : cpu::Isa::avx512_vpopcntdq);
  }
  benchmark::AddCustomContext("instruction set", cpu::cpu_isa_name());
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) {
    return 2;
  }
  add_all();
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
