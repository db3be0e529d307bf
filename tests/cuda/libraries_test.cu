// SPDX-License-Identifier: Apache-2.0
// What bnas asks of cuBLAS and cuDNN: the right numbers for rows-first matrices and NHWC images, within a graph.
#include <gtest/gtest.h>

#include "bnas/cuda/gemm.hpp"
#include "bnas/cuda/handles.hpp"
#include "cuda/support/conv2d_run.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("Libraries", "definition in double") &&
                       testing_support::declare_oracle("CudnnConv2d", "definition in double");

class Libraries : public testing::Test {
 protected:
  void SetUp() override { require_ok(handles_.open(stream_.get(), workspace_.data(), workspace_.bytes())); }

  TestStream stream_;
  DeviceBuffer<char> workspace_ = DeviceBuffer<char>::scratch(cublas_workspace_bytes(device_capability()));
  Handles handles_;  // dies before its workspace and stream
};

/// c (+)= op(a) op(b) from the definition.
Values product(const Values& a, bool ta, const Values& b, bool tb, Values c, int m, int n, int k) {
  const auto at = [](int row, int column, int columns) { return static_cast<std::size_t>(row * columns + column); };
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      for (int l = 0; l < k; ++l) {
        c[at(i, j, n)] += a[ta ? at(l, i, m) : at(i, l, k)] * b[tb ? at(j, l, k) : at(l, j, n)];
      }
    }
  }
  return c;
}

// All three lengths differ, so that a transposed or swapped one shows; 0 and 1 are the ends. Numbers with exact sums.
TEST_F(Libraries, GemmEqualsTheDefinition) {
  ConvShapes numbers(21, false);
  constexpr struct { int m, n, k; } kSizes[] = {{1, 1, 1}, {3, 5, 7}, {8, 10, 33}, {17, 2, 64}, {4, 3, 0}};
  for (const auto& [m, n, k] : kSizes) {
    for (const int way : {0, 1, 2, 3, 4, 5, 6, 7}) {
      const bool ta = (way & 1) != 0, tb = (way & 2) != 0, accumulate = (way & 4) != 0;
      const Values a = numbers.eighths(static_cast<std::size_t>(m * k));
      const Values b = numbers.eighths(static_cast<std::size_t>(k * n));
      const Values start = numbers.eighths(static_cast<std::size_t>(m * n));
      const auto da = DeviceBuffer<float>::input(to_floats(a)), db = DeviceBuffer<float>::input(to_floats(b));
      auto c = DeviceBuffer<float>::output(start.size());
      if (accumulate) {
        c.upload(to_floats(start));
      }
      require_ok(gemm(handles_, m, n, k, da.data(), ta, db.data(), tb, c.data(), accumulate));
      stream_.synchronize();
      const Values expected = product(a, ta, b, tb, accumulate ? start : Values(start.size()), m, n, k);
      EXPECT_EQ(c.download(), to_floats(expected)) << m << "x" << k << "x" << n << ", way " << way;
    }
  }
}

TEST_F(Libraries, GemmRunsInAGraph) {
  const Values a = {1, 2, 3, 4, 5, 6}, b = {1, 0, 2, 1, 1, 3};
  const auto da = DeviceBuffer<float>::input(to_floats(a)), db = DeviceBuffer<float>::input(to_floats(b));
  auto c = DeviceBuffer<float>::output(4);
  c.upload({1, 1, 1, 1});
  capture_and_replay(stream_, 2, [&](cudaStream_t) {
    return gemm(handles_, 2, 2, 3, da.data(), false, db.data(), false, c.data(), true);
  });
  const Values once = product(a, false, b, false, Values(4), 2, 2, 3);
  EXPECT_EQ(c.download(), to_floats({1 + 2 * once[0], 1 + 2 * once[1], 1 + 2 * once[2], 1 + 2 * once[3]}));
}

TEST_F(Libraries, GemmRefusesBadArguments) {
  auto* p = reinterpret_cast<float*>(256);
  EXPECT_EQ(gemm(handles_, -1, 1, 1, p, false, p, false, p, false).code, StatusCode::invalid_argument);
  EXPECT_EQ(gemm(handles_, 1, 1, 1, nullptr, false, p, false, p, false).code, StatusCode::invalid_argument);
  EXPECT_EQ(gemm(handles_, 1, 1, 1, p, false, p, false, nullptr, false).code, StatusCode::invalid_argument);
  EXPECT_EQ(gemm(Handles(), 1, 1, 1, p, false, p, false, p, false).code, StatusCode::invalid_argument);
  EXPECT_TRUE(gemm(handles_, 0, 3, 2, nullptr, false, p, false, nullptr, false).ok());
}

TEST_F(Libraries, HandlesMoveAndReopen) {
  Handles moved = std::move(handles_);
  EXPECT_EQ(handles_.cublas(), nullptr);
  EXPECT_EQ(moved.cudnn() != nullptr, built_with_cudnn());
  require_ok(moved.open(stream_.get(), workspace_.data(), workspace_.bytes()));
  EXPECT_NE(moved.cublas(), nullptr);
}

class CudnnConv2d : public Libraries {
 protected:
  void SetUp() override {
    if (!built_with_cudnn()) {
      GTEST_SKIP() << "this build found no cuDNN";
    }
    Libraries::SetUp();
  }

  Conv2dOptions with_handles() const {
    Conv2dOptions options;
    options.compute_capability = device_capability();
    options.handles = &handles_;
    return options;
  }
};

const Conv2dKind kCudnnKinds[] = {
    {"forward", Conv2dPass::forward, false, false, Conv2dMethod::cudnn},
    {"input", Conv2dPass::backward_input, false, false, Conv2dMethod::cudnn},
    {"weight", Conv2dPass::backward_weight, false, false, Conv2dMethod::cudnn},
};

// Lengths that all differ, strides that differ, padding that differs; each in a graph, gradients added to what is
// there.
TEST_F(CudnnConv2d, EqualsTheDefinition) {
  ConvShapes shapes(22, false);
  const auto eighths = [&](std::size_t n) { return shapes.eighths(n); };
  Conv2dDims padded = dims_of(2, 7, 5, 6, 9, 3, 5), strided = dims_of(3, 6, 9, 17, 8, 1, 2);
  padded.stride_h = 2;
  padded.pad_h = {1, 1};
  padded.pad_w = {2, 2};
  strided.stride_w = 3;
  const Conv2dDims all[] = {dims_of(1, 4, 4, 5, 3), padded, strided};
  for (const Conv2dKind& kind : kCudnnKinds) {
    for (const Conv2dDims& d : all) {
      Conv2dCase c = make_case(kind, d, shapes, eighths);
      if (kind.pass != Conv2dPass::forward) {
        c.start = eighths(output_size(kind, d));
      }
      Conv2dPlan plan;
      require_ok(plan_conv2d({kind.pass, d}, with_handles(), &plan));
      ASSERT_EQ(plan.method, Conv2dMethod::cudnn) << kind.name;
      const Conv2dRun call(c, plan);
      capture_and_replay(stream_, 1, [&](cudaStream_t s) { return call.launch(s, &handles_); });
      EXPECT_EQ(call.result(), to_floats(oracle(c))) << kind.name << ", " << text(d);
      EXPECT_EQ(call.launch(stream_.get(), nullptr).code, StatusCode::invalid_argument);
    }
  }
}

TEST_F(CudnnConv2d, IsNotAskedForWhatItCannotDo) {
  const auto method = [&](const Conv2dDims& d, bool depthwise = false) {
    Conv2dPlan plan;
    require_ok(plan_conv2d({Conv2dPass::forward, d, false, depthwise}, with_handles(), &plan));
    return plan.method;
  };
  Conv2dDims plain = dims_of(1, 6, 6, 8, 8, 3, 3);
  plain.pad_h = plain.pad_w = {1, 1};
  EXPECT_EQ(method(plain), Conv2dMethod::cudnn);
  Conv2dDims stem = plain, lopsided = plain, cropped = plain, ones = plain, huge = plain;
  stem.c = 3;
  lopsided.pad_h = {0, 1};
  cropped.pad_w = {-1, -1};
  ones.pad_value = PadValue::one;
  huge.n = 4096, huge.h = huge.w = 128, huge.c = 64;  // 2^32 elements: more than cuDNN takes
  for (const Conv2dDims& d : {stem, lopsided, cropped, ones, huge}) {
    EXPECT_EQ(method(d), Conv2dMethod::direct) << text(d);
  }
  EXPECT_EQ(method(plain, true), Conv2dMethod::direct);
  Conv2dPlan plan;
  Conv2dOptions by_name = with_handles();
  by_name.method = Conv2dMethod::cudnn;
  EXPECT_EQ(plan_conv2d({Conv2dPass::forward, huge}, by_name, &plan).code, StatusCode::unsupported);
}

}  // namespace
}  // namespace bnas::cuda::test
