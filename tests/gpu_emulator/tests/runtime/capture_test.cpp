// SPDX-License-Identifier: Apache-2.0
// What may and may not be done while a stream is captured. Codes: CUDA runtime API, stream management.
#include <thread>

#include "tests/runtime/kernels.hpp"
#include "tests/runtime/support.hpp"

namespace bnas::test {
namespace {

constexpr int kSize = 100;

class CaptureTest : public testing::Test {
 protected:
  void TearDown() override {
    (void)cudaGetLastError();
    EXPECT_EQ(take_findings(), std::vector<std::string>());
  }

  void begin(cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal) { must(cudaStreamBeginCapture(a_, mode)); }
  cudaError_t end() {
    cudaGraph_t graph = nullptr;
    const cudaError_t code = cudaStreamEndCapture(a_, &graph);
    EXPECT_EQ(graph != nullptr, code == cudaSuccess);
    if (graph) {
      must(cudaGraphDestroy(graph));
    }
    return code;
  }
  cudaStreamCaptureStatus status(cudaStream_t stream) const {
    cudaStreamCaptureStatus value = cudaStreamCaptureStatusNone;
    must(cudaStreamIsCapturing(stream, &value));
    return value;
  }
  // A call that is not permitted: refused, found, and the end of the capture.
  void expect_violation(cudaError_t code, const char* call) {
    EXPECT_EQ(code, cudaErrorStreamCaptureUnsupported) << call;
    expect_finding("sync_in_capture", {call});
    EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated) << call;
  }

  DeviceArray<int> x_{std::vector<int>(kSize, 1)};
  Stream a_;
  Stream b_;
  Event event_;
};

TEST_F(CaptureTest, SynchronizationAndAllocationEndIt) {
  int host = 0;
  void* p = nullptr;
  begin();
  expect_violation(cudaStreamSynchronize(a_), "cudaStreamSynchronize");
  begin();
  expect_violation(cudaStreamQuery(a_), "cudaStreamQuery");
  begin();
  expect_violation(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
  begin();
  expect_violation(cudaMalloc(&p, 4), "cudaMalloc");
  begin();
  expect_violation(cudaFree(x_.data()), "cudaFree");
  begin();
  expect_violation(cudaMallocHost(&p, 4), "cudaHostAlloc");
  begin();
  expect_violation(cudaMemcpy(&host, x_.data(), 4, cudaMemcpyDeviceToHost), "cudaMemcpy");
  begin();
  expect_violation(cudaMallocAsync(&p, 4, a_), "cudaMallocAsync");
  begin();
  expect_violation(cudaStreamSynchronize(b_), "cudaStreamSynchronize");  // an unrelated stream: not in this mode either
}

TEST_F(CaptureTest, ModesDecideWhoMaySynchronize) {
  begin(cudaStreamCaptureModeRelaxed);
  EXPECT_EQ(cudaStreamSynchronize(b_), cudaSuccess);
  EXPECT_EQ(end(), cudaSuccess);

  begin(cudaStreamCaptureModeThreadLocal);
  std::thread([&] { EXPECT_EQ(cudaStreamSynchronize(b_), cudaSuccess); }).join();
  EXPECT_EQ(end(), cudaSuccess);

  begin(cudaStreamCaptureModeGlobal);
  std::thread([&] {
    cudaStreamCaptureMode mode = cudaStreamCaptureModeRelaxed;
    must(cudaThreadExchangeStreamCaptureMode(&mode));
    EXPECT_EQ(mode, cudaStreamCaptureModeGlobal);
    EXPECT_EQ(cudaStreamSynchronize(b_), cudaSuccess);
    mode = cudaStreamCaptureModeGlobal;
    must(cudaThreadExchangeStreamCaptureMode(&mode));
    EXPECT_EQ(cudaStreamSynchronize(b_), cudaErrorStreamCaptureUnsupported);
  }).join();
  expect_finding("sync_in_capture");
  EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);
}

// "It is also invalid to synchronize a broader handle which encompasses an active stream capture, such as a device"
// (CUDA programming guide): whoever does it.
TEST_F(CaptureTest, NobodyMaySynchronizeTheDevice) {
  for (const cudaStreamCaptureMode mode : {cudaStreamCaptureModeThreadLocal, cudaStreamCaptureModeRelaxed}) {
    begin(mode);
    std::thread([&] { EXPECT_EQ(cudaDeviceSynchronize(), cudaErrorStreamCaptureUnsupported); }).join();
    expect_finding("sync_in_capture", {"cudaDeviceSynchronize"});
    EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);
    EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  }
}

TEST_F(CaptureTest, StatusFollowsForkAndInvalidation) {
  EXPECT_EQ(status(a_), cudaStreamCaptureStatusNone);
  begin();
  EXPECT_EQ(status(a_), cudaStreamCaptureStatusActive);
  EXPECT_EQ(status(b_), cudaStreamCaptureStatusNone);
  event_.order(a_, b_);
  EXPECT_EQ(status(b_), cudaStreamCaptureStatusActive);
  EXPECT_EQ(cudaStreamSynchronize(a_), cudaErrorStreamCaptureUnsupported);
  EXPECT_EQ(status(a_), cudaStreamCaptureStatusInvalidated);
  EXPECT_EQ(status(b_), cudaStreamCaptureStatusInvalidated);
  fill(b_, x_.data(), 1, kSize);
  EXPECT_EQ(cudaGetLastError(), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(status(b_), cudaStreamCaptureStatusNone);
  take_findings();
}

TEST_F(CaptureTest, AForkMustBeJoined) {
  begin();
  event_.order(a_, b_);
  fill(b_, x_.data(), 1, kSize);
  EXPECT_EQ(end(), cudaErrorStreamCaptureUnjoined);
}

TEST_F(CaptureTest, OnlyTheOriginEnds) {
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(b_, &graph), cudaErrorIllegalState);
  begin();
  EXPECT_EQ(cudaStreamBeginCapture(a_, cudaStreamCaptureModeGlobal), cudaErrorIllegalState);
  event_.order(a_, b_);
  EXPECT_EQ(cudaStreamEndCapture(b_, &graph), cudaErrorStreamCaptureUnmatched);
  std::thread([&] { EXPECT_EQ(cudaStreamEndCapture(a_, &graph), cudaErrorStreamCaptureWrongThread); }).join();
  EXPECT_EQ(end(), cudaSuccess);
}

TEST_F(CaptureTest, WorkOutsideCannotBeWaitedFor) {
  fill(b_, x_.data(), 1, kSize);
  must(cudaEventRecord(event_, b_));
  begin();
  EXPECT_EQ(cudaStreamWaitEvent(a_, event_, 0), cudaErrorStreamCaptureIsolation);
  EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);
  b_.synchronize();
}

TEST_F(CaptureTest, TwoCapturesDoNotMerge) {
  cudaGraph_t graph = nullptr;
  begin();
  must(cudaStreamBeginCapture(b_, cudaStreamCaptureModeGlobal));
  must(cudaEventRecord(event_, a_));
  EXPECT_EQ(cudaStreamWaitEvent(b_, event_, 0), cudaErrorStreamCaptureMerge);
  EXPECT_EQ(cudaStreamEndCapture(b_, &graph), cudaErrorStreamCaptureInvalidated);
  EXPECT_EQ(end(), cudaErrorStreamCaptureInvalidated);
}

TEST_F(CaptureTest, CapturedEventsCannotBeAsked) {
  begin();
  must(cudaEventRecord(event_, a_));
  EXPECT_EQ(cudaEventQuery(event_), cudaErrorCapturedEvent);
  EXPECT_EQ(cudaEventSynchronize(event_), cudaErrorCapturedEvent);
  EXPECT_EQ(end(), cudaSuccess);
}

TEST_F(CaptureTest, TheLegacyStreamStaysOut) {
  EXPECT_EQ(cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeGlobal), cudaErrorStreamCaptureUnsupported);
  const Stream blocking(cudaStreamDefault);
  cudaGraph_t graph = nullptr;
  must(cudaStreamBeginCapture(blocking, cudaStreamCaptureModeGlobal));
  fill(nullptr, x_.data(), 1, kSize);
  EXPECT_EQ(cudaGetLastError(), cudaErrorStreamCaptureImplicit);
  EXPECT_EQ(cudaStreamEndCapture(blocking, &graph), cudaErrorStreamCaptureInvalidated);
  (void)cudaGetLastError();
  begin();  // a non-blocking stream does not concern the legacy stream
  fill(nullptr, x_.data(), 1, kSize);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
  EXPECT_EQ(end(), cudaSuccess);
  must(cudaDeviceSynchronize());
}

}  // namespace
}  // namespace bnas::test
