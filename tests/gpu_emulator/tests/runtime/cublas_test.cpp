// SPDX-License-Identifier: Apache-2.0
#include <cublas_v2.h>

#include <cmath>
#include <thread>

#include "tests/runtime/kernels.hpp"
#include "tests/runtime/support.hpp"

namespace bnas::test {
namespace {

class CublasTest : public testing::Test {
 protected:
  CublasTest() {
    EXPECT_EQ(cublasCreate(&handle_), CUBLAS_STATUS_SUCCESS);
    EXPECT_EQ(cublasSetStream(handle_, a_), CUBLAS_STATUS_SUCCESS);
  }
  ~CublasTest() override { EXPECT_EQ(cublasDestroy(handle_), CUBLAS_STATUS_SUCCESS); }
  void TearDown() override {
    must(cudaDeviceSynchronize());
    (void)cudaGetLastError();
    EXPECT_EQ(take_findings(), std::vector<std::string>());
  }

  static std::vector<float> values(std::size_t size, int salt) {
    std::vector<float> v(size);
    for (std::size_t i = 0; i < size; ++i) {
      v[i] = static_cast<float>((static_cast<int>(i) * 7 + salt) % 11 - 5);  // small integers: sums are exact
    }
    return v;
  }

  Stream a_;
  cublasHandle_t handle_ = nullptr;
};

// Odd sizes and leading dimensions that leave gaps.
constexpr int kM = 5;
constexpr int kN = 4;
constexpr int kK = 3;

TEST_F(CublasTest, SgemmOfAllTranspositions) {
  for (const bool ta : {false, true}) {
    for (const bool tb : {false, true}) {
      const int lda = (ta ? kK : kM) + 1;
      const int ldb = (tb ? kN : kK) + 2;
      const int ldc = kM + 1;
      const std::vector<float> a = values(static_cast<std::size_t>(lda * (ta ? kM : kK)), 1);
      const std::vector<float> b = values(static_cast<std::size_t>(ldb * (tb ? kK : kN)), 2);
      std::vector<float> c = values(static_cast<std::size_t>(ldc * kN), 3);
      DeviceArray<float> da(a);
      DeviceArray<float> db(b);
      DeviceArray<float> dc(c);
      const float alpha = 2;
      const float beta = -1;
      ASSERT_EQ(cublasSgemm(handle_, ta ? CUBLAS_OP_T : CUBLAS_OP_N, tb ? CUBLAS_OP_T : CUBLAS_OP_N, kM, kN, kK, &alpha,
                            da.data(), lda, db.data(), ldb, &beta, dc.data(), ldc),
                CUBLAS_STATUS_SUCCESS);
      a_.synchronize();
      for (int j = 0; j < kN; ++j) {
        for (int i = 0; i < kM; ++i) {
          float sum = 0;
          for (int k = 0; k < kK; ++k) {
            sum += a[static_cast<std::size_t>(ta ? k + i * lda : i + k * lda)] *
                   b[static_cast<std::size_t>(tb ? j + k * ldb : k + j * ldb)];
          }
          float& out = c[static_cast<std::size_t>(i + j * ldc)];
          out = alpha * sum + beta * out;
        }
      }
      EXPECT_EQ(dc.download(), c) << ta << tb;
    }
  }
}

TEST_F(CublasTest, BatchesStepAndInputsAreRoundedAsAsked) {
  // 1 + 2^-10 survives in tf32 (10 bits of mantissa), not in bf16 (7 bits); 1 + 2^-11 rounds up in tf32.
  const std::vector<float> a = {1 + std::ldexp(1.0F, -10), 1 + std::ldexp(1.0F, -11)};
  DeviceArray<float> da(a);
  DeviceArray<float> db(std::vector<float>{1, 1});
  DeviceArray<float> dc(2);
  const float one = 1;
  const float zero = 0;
  const auto product = [&](cublasComputeType_t compute) {
    EXPECT_EQ(cublasGemmStridedBatchedEx(handle_, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, &one, da.data(), CUDA_R_32F, 1, 1,
                                         db.data(), CUDA_R_32F, 1, 1, &zero, dc.data(), CUDA_R_32F, 1, 1, 2, compute,
                                         CUBLAS_GEMM_DEFAULT),
              CUBLAS_STATUS_SUCCESS);
    a_.synchronize();
    return dc.download();
  };
  EXPECT_EQ(product(CUBLAS_COMPUTE_32F), a);
  EXPECT_EQ(product(CUBLAS_COMPUTE_32F_FAST_TF32), (std::vector<float>{a[0], a[0]}));
  EXPECT_EQ(product(CUBLAS_COMPUTE_32F_FAST_16BF), (std::vector<float>{1, 1}));
}

TEST_F(CublasTest, Bf16InputsWithFloatSums) {
  const std::vector<std::uint16_t> a = {0x3f80, 0x4000};  // 1, 2
  const std::vector<std::uint16_t> b = {0x4040, 0x4080};  // 3, 4
  DeviceArray<std::uint16_t> da(a);
  DeviceArray<std::uint16_t> db(b);
  DeviceArray<float> dc(1);
  const float one = 1;
  const float zero = 0;
  ASSERT_EQ(cublasGemmEx(handle_, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 2, &one, da.data(), CUDA_R_16BF, 1, db.data(),
                         CUDA_R_16BF, 2, &zero, dc.data(), CUDA_R_32F, 1, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT),
            CUBLAS_STATUS_SUCCESS);
  a_.synchronize();
  EXPECT_EQ(dc.download()[0], 11.0F);
}

class OneByOne {
 public:
  cublasStatus_t operator()(cublasHandle_t handle, const float* alpha, const float* beta) {
    return cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, alpha, a.data(), 1, b.data(), 1, beta, c.data(), 1);
  }
  DeviceArray<float> a{std::vector<float>{3}};
  DeviceArray<float> b{std::vector<float>{5}};
  DeviceArray<float> c{1};
};

TEST_F(CublasTest, DevicePointersAreReadWhenItRuns) {
  OneByOne product;
  DeviceArray<float> factors(std::vector<float>{1, 0});
  PinnedArray<float> later(1, 2);
  ASSERT_EQ(cublasSetPointerMode(handle_, CUBLAS_POINTER_MODE_DEVICE), CUBLAS_STATUS_SUCCESS);
  must(cudaMemcpyAsync(factors.data(), later.data(), sizeof(float), cudaMemcpyHostToDevice, a_));
  ASSERT_EQ(product(handle_, factors.data(), factors.data() + 1), CUBLAS_STATUS_SUCCESS);
  a_.synchronize();
  EXPECT_EQ(product.c.download()[0], 30.0F);
}

TEST_F(CublasTest, IsCapturedAndOrdered) {
  OneByOne product;
  const float one = 1;
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t executable = nullptr;
  must(cudaStreamBeginCapture(a_, cudaStreamCaptureModeGlobal));
  ASSERT_EQ(product(handle_, &one, &one), CUBLAS_STATUS_SUCCESS);  // c += 15
  must(cudaStreamEndCapture(a_, &graph));
  must(cudaGraphInstantiate(&executable, graph, 0));
  must(cudaMemsetAsync(product.c.data(), 0, sizeof(float), a_));
  must(cudaGraphLaunch(executable, a_));
  must(cudaGraphLaunch(executable, a_));
  must(cudaGraphExecDestroy(executable));
  must(cudaGraphDestroy(graph));
  a_.synchronize();
  EXPECT_EQ(product.c.download()[0], 30.0F);
  EXPECT_EQ(take_findings(), std::vector<std::string>());
  const Stream b;
  const float zero = 0;
  ASSERT_EQ(product(handle_, &one, &zero), CUBLAS_STATUS_SUCCESS);
  must(cudaMemsetAsync(product.c.data(), 0, sizeof(float), b));
  must(cudaDeviceSynchronize());
  expect_finding("missing_dependency", {"cublas gemm"});
}

TEST_F(CublasTest, ASharedWorkspaceIsFound) {
  OneByOne first;
  OneByOne second;
  DeviceArray<char> workspace(1024);
  const Stream b;
  cublasHandle_t other = nullptr;
  ASSERT_EQ(cublasCreate(&other), CUBLAS_STATUS_SUCCESS);
  cublasSetStream(other, b);
  cublasSetWorkspace(handle_, workspace.data(), workspace.bytes());
  cublasSetWorkspace(other, workspace.data(), workspace.bytes());
  const float one = 1;
  const float zero = 0;
  first(handle_, &one, &zero);
  second(other, &one, &zero);
  must(cudaDeviceSynchronize());
  expect_finding("missing_dependency", {"cublas gemm"});
  EXPECT_EQ(cublasDestroy(other), CUBLAS_STATUS_SUCCESS);
}

TEST_F(CublasTest, BadCallsAreRefused) {
  OneByOne product;
  const float one = 1;
  const float zero = 0;
  EXPECT_EQ(cublasSgemm(handle_, CUBLAS_OP_N, CUBLAS_OP_N, 2, 1, 1, &one, product.a.data(), 1, product.b.data(), 1,
                        &zero, product.c.data(), 2),
            CUBLAS_STATUS_INVALID_VALUE);  // lda < m
  EXPECT_EQ(product(nullptr, &one, &zero), CUBLAS_STATUS_NOT_INITIALIZED);
  EXPECT_EQ(cublasSgemm(handle_, CUBLAS_OP_N, CUBLAS_OP_N, 2, 1, 1, &one, product.a.data(), 2, product.b.data(), 1,
                        &zero, product.c.data(), 2),
            CUBLAS_STATUS_EXECUTION_FAILED);  // beyond the buffers
  cudaGraph_t graph = nullptr;
  cublasHandle_t late = nullptr;
  must(cudaStreamBeginCapture(a_, cudaStreamCaptureModeGlobal));
  EXPECT_EQ(cublasCreate(&late), CUBLAS_STATUS_NOT_INITIALIZED);
  EXPECT_EQ(cudaStreamEndCapture(a_, &graph), cudaErrorStreamCaptureInvalidated);
  expect_finding("sync_in_capture");
}

// Closing synchronizes the device, which ends the capture of another thread.
TEST_F(CublasTest, ClosingEndsCaptures) {
  cublasHandle_t other = nullptr;
  cudaGraph_t graph = nullptr;
  ASSERT_EQ(cublasCreate(&other), CUBLAS_STATUS_SUCCESS);
  must(cudaStreamBeginCapture(a_, cudaStreamCaptureModeThreadLocal));
  std::thread([&] { EXPECT_EQ(cublasDestroy(other), CUBLAS_STATUS_SUCCESS); }).join();
  EXPECT_EQ(cudaStreamEndCapture(a_, &graph), cudaErrorStreamCaptureInvalidated);
  expect_finding("sync_in_capture", {"cudaDeviceSynchronize"});
}

}  // namespace
}  // namespace bnas::test
