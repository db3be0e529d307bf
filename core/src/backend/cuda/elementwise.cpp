// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/kernels/elementwise.hpp"

#include "backend/cuda/checks.hpp"
#include "backend/cuda/register.hpp"
#include "bnas/cuda/fill.hpp"

namespace bnas::cuda_backend {
namespace {

void fill(Stream& stream, Tensor& y, float value) {
  const Call call("fill", stream);
  call.expect("y", y, DType::f32);
  call.require(cuda::fill(y.data<float>(), y.numel(), value, call.stream()));
}

}  // namespace

void register_elementwise(KernelTable& table) { table.add<kernels::Fill>(fill); }

}  // namespace bnas::cuda_backend
