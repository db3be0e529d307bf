// SPDX-License-Identifier: Apache-2.0
// While one child records its training step, another one may end on the same device.
#include <gtest/gtest.h>

#include <chrono>
#include <future>

#include "bnas/core/backend.hpp"
#include "bnas/core/kernels/conv.hpp"
#include "bnas/core/tensor.hpp"

namespace bnas::nas {
namespace {

TEST(Recording, SurvivesTheEndOfAnotherStream) {
  Backend& backend = backend_for({DeviceType::cuda, 0});
  const auto stream = backend.make_stream();
  auto other = backend.make_stream();
  {
    const Tensor one = Tensor::full(*other, {1, 1}, 1.0F);
    Tensor product(*other, {1, 1}, DType::f32);
    dispatch<kernels::Gemm>(*other, one, false, one, false, product, GradMode::overwrite);  // opens its cuBLAS
    other->synchronize();
  }
  Tensor y = Tensor::full(*stream, {4}, 0.0F);
  std::future<void> end;
  int calls = 0;
  const auto work = stream->repeat([&] {
    if (++calls == 2) {  // recorded; the other's end may wait for that of the recording
      end = std::async(std::launch::async, [&] { other.reset(); });
      end.wait_for(std::chrono::milliseconds(100));
    }
    y.fill(*stream, static_cast<float>(calls));
  });
  work->run();
  work->run();
  end.get();
  work->run();
  EXPECT_EQ(y.to_host(*stream), std::vector<float>(4, 2.0F));
  EXPECT_EQ(calls, 2);
}

}  // namespace
}  // namespace bnas::nas
