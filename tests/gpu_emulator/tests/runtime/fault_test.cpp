// SPDX-License-Identifier: Apache-2.0
// Errors on demand, and what errors do.
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "tests/runtime/kernels.hpp"
#include "tests/runtime/support.hpp"

namespace bnas::test {
namespace {

constexpr int kSize = 64;

class FaultTest : public testing::Test {
 protected:
  void TearDown() override {
    bnas_emu_fault(nullptr);
    bnas_emu_annotate(nullptr);
    EXPECT_EQ(take_findings(), std::vector<std::string>());
  }
  static cudaError_t try_malloc() {
    void* p = nullptr;
    const cudaError_t code = cudaMalloc(&p, 256);
    cudaFree(p);
    return code;
  }
};

void inject(const char* specification) { EXPECT_EQ(bnas_emu_fault(specification), 0); }

// The fault ends the device when the stream is waited for, and for good.
std::function<void()> fault_ends(const char* specification, cudaError_t code) {
  return [specification, code] {
    DeviceArray<int> x(std::vector<int>(kSize, 1));
    inject(specification);
    fill(nullptr, x.data(), 1, kSize);
    EXPECT_EQ(cudaGetLastError(), cudaSuccess);
    fill(nullptr, x.data(), 2, kSize);
    EXPECT_EQ(cudaDeviceSynchronize(), code);
    int count = 0;
    EXPECT_EQ(cudaMemset(x.data(), 0, 4), code);
    EXPECT_EQ(cudaGetDeviceCount(&count), code);
    EXPECT_EQ(cudaPeekAtLastError(), code);
    std::thread([&] { EXPECT_EQ(cudaStreamSynchronize(nullptr), code); }).join();
    std::exit(testing::Test::HasFailure() ? 1 : 0);
  };
}

TEST_F(FaultTest, LaunchFaultsAreStickyAndLate) {
  expect_exit(fault_ends("illegal_address:kernel=fill,nth=2", cudaErrorIllegalAddress), 0,
              "fill_kernel.*injected.*cudaErrorIllegalAddress");
  expect_exit(fault_ends("launch_failure", cudaErrorLaunchFailure), 0, "cudaErrorLaunchFailure");
  expect_exit(fault_ends("misaligned", cudaErrorMisalignedAddress), 0, "cudaErrorMisalignedAddress");
  expect_exit(fault_ends("assert", cudaErrorAssert), 0, "cudaErrorAssert");
  expect_exit(fault_ends("ecc:kernel=fill", cudaErrorECCUncorrectable), 0, "cudaErrorECCUncorrectable");
}

// The second runtime call ends with the code, as do all after it.
std::function<void()> call_ends(const char* specification, cudaError_t code) {
  return [specification, code] {
    int value = 0;
    inject(specification);
    EXPECT_EQ(cudaGetDevice(&value), cudaSuccess);
    EXPECT_EQ(cudaGetDevice(&value), code);
    EXPECT_EQ(cudaDeviceSynchronize(), code);
    EXPECT_EQ(cudaGetLastError(), code);
    std::exit(testing::Test::HasFailure() ? 1 : 0);
  };
}

TEST_F(FaultTest, CallsLoseTheDevice) {
  expect_exit(call_ends("device_lost:nth=2", cudaErrorDevicesUnavailable), 0, "cudaErrorDevicesUnavailable");
  expect_exit(call_ends("ecc:nth=2", cudaErrorECCUncorrectable), 0, "cudaErrorECCUncorrectable");
  expect_exit(call_ends("unknown:nth=2,call=cudaGetDevice", cudaErrorUnknown), 0, "injected into cudaGetDevice");
}

TEST_F(FaultTest, KernelsThatFailByThemselves) {
  expect_exit(
      [] {
        trap(nullptr);
        std::exit(cudaDeviceSynchronize() == cudaErrorLaunchFailure ? 0 : 1);
      },
      0, "trap_kernel");
  expect_exit(
      [] {
        fail_assertion(nullptr);
        std::exit(cudaDeviceSynchronize() == cudaErrorAssert ? 0 : 1);
      },
      0, "fail_assertion_kernel");
}

TEST_F(FaultTest, MemoryRunsOutAtTheCallThatIsMeant) {
  inject("oom:nth=2");
  EXPECT_EQ(try_malloc(), cudaSuccess);
  EXPECT_EQ(try_malloc(), cudaErrorMemoryAllocation);
  EXPECT_EQ(cudaGetLastError(), cudaErrorMemoryAllocation);
  EXPECT_EQ(try_malloc(), cudaSuccess);  // not sticky
  bnas_emu_fault(nullptr);
  inject("oom:nth=2,always");
  EXPECT_EQ(try_malloc(), cudaSuccess);
  EXPECT_EQ(try_malloc(), cudaErrorMemoryAllocation);
  EXPECT_EQ(try_malloc(), cudaErrorMemoryAllocation);
  bnas_emu_fault(nullptr);
  inject("oom:call=cudaMallocAsync");
  void* p = nullptr;
  EXPECT_EQ(try_malloc(), cudaSuccess);
  EXPECT_EQ(cudaMallocAsync(&p, 64, nullptr), cudaErrorMemoryAllocation);
  (void)cudaGetLastError();
}

TEST_F(FaultTest, NotesChooseTheThread) {
  inject("oom:note=child 2,always");
  EXPECT_EQ(try_malloc(), cudaSuccess);
  std::thread([] {
    bnas_emu_annotate("child 2");
    EXPECT_EQ(try_malloc(), cudaErrorMemoryAllocation);
  }).join();
  bnas_emu_annotate("child 1");
  EXPECT_EQ(try_malloc(), cudaSuccess);
}

TEST_F(FaultTest, OncePerFileForAllProcesses) {
  const std::string path = testing::TempDir() + "bnas_emu_once_" + std::to_string(getpid());
  inject(("oom:always,once=" + path).c_str());
  EXPECT_EQ(try_malloc(), cudaErrorMemoryAllocation);
  EXPECT_EQ(try_malloc(), cudaSuccess);
  std::filesystem::remove(path);
  (void)cudaGetLastError();
}

TEST_F(FaultTest, AFlippedBitIsOneBit) {
  DeviceArray<int> x(std::vector<int>(kSize, 0));
  DeviceArray<int> y(std::vector<int>(kSize, 0));
  inject("flip:kernel=mix,nth=2,parameter=1,byte=8,bit=3");
  mix(nullptr, y.data(), x.data(), 0, kSize);
  EXPECT_EQ(x.download(), std::vector<int>(kSize, 0));
  mix(nullptr, y.data(), x.data(), 0, kSize);
  std::vector<int> expected(kSize, 0);
  expected[2] = 8;
  EXPECT_EQ(x.download(), expected);
  EXPECT_EQ(y.download(), std::vector<int>(kSize, 0));
}

TEST_F(FaultTest, AKernelThatHangsStopsItsStreamOnly) {
  expect_exit(
      [] {
        DeviceArray<int> x(std::vector<int>(kSize, 0));
        DeviceArray<int> y(std::vector<int>(kSize, 0));
        const Stream a;
        const Stream b;
        inject("hang:kernel=fill");
        fill(a, x.data(), 1, kSize);
        for (int i = 0; i < 10; ++i) {
          EXPECT_EQ(cudaStreamQuery(a), cudaErrorNotReady);
        }
        mix(b, y.data(), y.data(), 1, kSize);
        EXPECT_EQ(cudaStreamSynchronize(b), cudaSuccess);
        std::thread([&] { cudaStreamSynchronize(a); }).detach();  // never returns
        EXPECT_EQ(cudaStreamSynchronize(b), cudaSuccess);
        _exit(testing::Test::HasFailure() ? 1 : 0);
      },
      0, "");
}

TEST_F(FaultTest, SpecificationsAreRead) {
  EXPECT_EQ(bnas_emu_fault("nonsense"), -1);
  EXPECT_EQ(bnas_emu_fault("oom:color=red"), -1);
  EXPECT_EQ(bnas_emu_fault("oom:nth=two"), -1);
  EXPECT_EQ(bnas_emu_fault("oom:nth=100;hang:kernel=none,note=x"), 0);
  EXPECT_EQ(bnas_emu_set("color", "red"), -1);
  EXPECT_EQ(bnas_emu_set("seed", "many"), -1);
}

TEST_F(FaultTest, ErrorsHaveTheirNames) {
  EXPECT_STREQ(cudaGetErrorName(cudaErrorIllegalAddress), "cudaErrorIllegalAddress");
  EXPECT_STREQ(cudaGetErrorString(cudaErrorIllegalAddress), "an illegal memory access was encountered");
  EXPECT_STREQ(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory");
  EXPECT_STREQ(cudaGetErrorName(static_cast<cudaError_t>(12345)), "unrecognized error code");
}

TEST_F(FaultTest, LastErrorsBelongToThreads) {
  int* null = nullptr;
  EXPECT_EQ(cudaMemset(null, 0, 4), cudaErrorInvalidValue);
  std::thread([] { EXPECT_EQ(cudaGetLastError(), cudaSuccess); }).join();
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

}  // namespace
}  // namespace bnas::test
