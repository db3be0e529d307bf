// SPDX-License-Identifier: Apache-2.0
// Devices, launches and what is counted.
#include <fstream>
#include <sstream>
#include <thread>

#include "tests/runtime/kernels.hpp"
#include "tests/runtime/support.hpp"

namespace bnas::test {
namespace {

constexpr int kSize = 128;

// A process that has its devices still to make.
void with_devices(const char* count, const char* visible, const std::function<void()>& body) {
  expect_exit(
      [&] {
        bnas_emu_set("devices", count);
        if (visible) {
          setenv("CUDA_VISIBLE_DEVICES", visible, 1);
        } else {
          unsetenv("CUDA_VISIBLE_DEVICES");
        }
        body();
        std::exit(testing::Test::HasFailure() ? 1 : 0);
      },
      0, "");
}

int device_count() {
  int count = -1;
  const cudaError_t code = cudaGetDeviceCount(&count);
  EXPECT_EQ(code, count > 0 ? cudaSuccess : cudaErrorNoDevice);
  return count;
}

TEST(Devices, EachHasItsMemoryVariablesAndStreams) {
  with_devices("3", nullptr, [] {
    EXPECT_EQ(device_count(), 3);
    std::vector<int*> buffers(3);
    for (int d = 0; d < 3; ++d) {
      must(cudaSetDevice(d));
      must(cudaMalloc(reinterpret_cast<void**>(&buffers[static_cast<std::size_t>(d)]), kSize * sizeof(int)));
      const Stream stream;
      fill(stream, buffers[static_cast<std::size_t>(d)], d, kSize);
      add_to_counter(stream, d);
      stream.synchronize();
      int of_stream = -1;
      must(cudaStreamGetDevice(stream, &of_stream));
      EXPECT_EQ(of_stream, d);
    }
    for (int d = 0; d < 3; ++d) {
      must(cudaSetDevice(d));
      EXPECT_EQ(counter_of_device(), 32 * d);
      int value = -1;
      must(cudaMemcpy(&value, buffers[static_cast<std::size_t>(d)], sizeof value, cudaMemcpyDeviceToHost));
      EXPECT_EQ(value, d);
      cudaPointerAttributes attributes{};
      must(cudaPointerGetAttributes(&attributes, buffers[static_cast<std::size_t>(d)]));
      EXPECT_EQ(attributes.device, d);
    }
    EXPECT_EQ(cudaSetDevice(3), cudaErrorInvalidDevice);
    std::thread([] {  // the choice is the thread's own
      int current = -1;
      must(cudaGetDevice(&current));
      EXPECT_EQ(current, 0);
    })
        .join();
    // A copy between devices; a kernel in a stream of another device.
    must(cudaMemcpyPeerAsync(buffers[0], 0, buffers[1], 1, kSize * sizeof(int), nullptr));
    must(cudaDeviceSynchronize());
    int value = -1;
    must(cudaMemcpy(&value, buffers[0], sizeof value, cudaMemcpyDeviceToHost));
    EXPECT_EQ(value, 1);
    const Stream of_two;
    must(cudaSetDevice(0));
    fill(of_two, buffers[0], 0, kSize);
    EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidResourceHandle);
    const Event of_zero;
    EXPECT_EQ(cudaEventRecord(of_zero, of_two), cudaErrorInvalidResourceHandle);
    (void)cudaGetLastError();
  });
}

TEST(Devices, OneKernelDoesNotReachAnother) {
  expect_exit(
      [] {
        bnas_emu_set("devices", "2");
        int* p = nullptr;
        must(cudaMalloc(reinterpret_cast<void**>(&p), kSize * sizeof(int)));
        must(cudaSetDevice(1));
        fill(nullptr, p, 1, kSize);
        (void)cudaDeviceSynchronize();
      },
      99, "out_of_bounds");
}

TEST(Devices, VisibilityIsHonoured) {
  const auto bus = [](int device) {
    char text[16];
    must(cudaDeviceGetPCIBusId(text, sizeof text, device));
    return std::string(text);
  };
  with_devices("3", "2,0", [&] {
    EXPECT_EQ(device_count(), 2);
    EXPECT_GT(bus(0), bus(1));
    int found = -1;
    must(cudaDeviceGetByPCIBusId(&found, bus(1).c_str()));
    EXPECT_EQ(found, 1);
  });
  with_devices("3", "1,7,0", [] { EXPECT_EQ(device_count(), 1); });
  with_devices("2", "", [] {
    EXPECT_EQ(device_count(), 0);
    void* p = nullptr;
    EXPECT_EQ(cudaMalloc(&p, 4), cudaErrorNoDevice);
    EXPECT_EQ(cudaSetDevice(0), cudaErrorNoDevice);
  });
}

TEST(Devices, CapabilitiesDiffer) {
  struct Case {
    const char* name;
    int major, minor, shared_optin, threads;
  };
  for (const Case& c : {Case{"7.5", 7, 5, 64, 1024}, Case{"8.0", 8, 0, 163, 2048}, Case{"9.0", 9, 0, 227, 2048},
                        Case{"10.0", 10, 0, 227, 2048}, Case{"12.0", 12, 0, 99, 1536}}) {
    with_devices("1", nullptr, [&] {
      bnas_emu_set("cc", c.name);
      cudaDeviceProp p{};
      must(cudaGetDeviceProperties(&p, 0));
      EXPECT_EQ(p.major, c.major);
      EXPECT_EQ(p.minor, c.minor);
      EXPECT_EQ(p.sharedMemPerBlockOptin, static_cast<std::size_t>(c.shared_optin) << 10);
      EXPECT_EQ(p.maxThreadsPerMultiProcessor, c.threads);
      EXPECT_EQ(p.warpSize, 32);
    });
  }
}

TEST(Devices, WithoutFittingPtxKernelsAreRefused) {
  with_devices("1", nullptr, [] {
    bnas_emu_set("cc", "7.5");  // the tests embed PTX for 8.0
    DeviceArray<int> x(kSize);
    fill(nullptr, x.data(), 1, kSize);
    EXPECT_EQ(cudaGetLastError(), cudaErrorNoKernelImageForDevice);
  });
}

TEST(Launches, ConfigurationsAreChecked) {
  DeviceArray<int> x(std::vector<int>(kSize, 0));
  int* p = x.data();
  int value = 1;
  int size = kSize;
  void* arguments[] = {&p, &value, &size};
  const auto launch = [&](dim3 grid, dim3 block, std::size_t shared) {
    return cudaLaunchKernel(kFill, grid, block, arguments, shared, nullptr);
  };
  EXPECT_EQ(launch(1, 1025, 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(1, 0, 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch({1, 65536, 1}, 1, 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(1, {1, 1, 65}, 0), cudaErrorInvalidConfiguration);
  EXPECT_EQ(launch(1, 32, (48 << 10) + 1), cudaErrorInvalidValue);
  EXPECT_EQ(cudaLaunchKernel(&value, 1, 1, arguments, 0, nullptr), cudaErrorInvalidDeviceFunction);
  EXPECT_EQ(launch(1, 32, 48 << 10), cudaSuccess);
  must(cudaDeviceSynchronize());
  (void)cudaGetLastError();
}

TEST(Launches, LargeSharedMemoryIsAskedFor) {
  DeviceArray<int> x(std::vector<int>{1, 2, 3, 4});
  EXPECT_EQ(reverse(nullptr, x.data(), 4, 64 << 10), cudaErrorInvalidValue);
  EXPECT_EQ(cudaFuncSetAttribute(kReverse, cudaFuncAttributeMaxDynamicSharedMemorySize, 164 << 10),
            cudaErrorInvalidValue);
  (void)cudaGetLastError();
  must(cudaFuncSetAttribute(kReverse, cudaFuncAttributeMaxDynamicSharedMemorySize, 64 << 10));
  EXPECT_EQ(reverse(nullptr, x.data(), 4, 64 << 10), cudaSuccess);
  EXPECT_EQ(x.download(), (std::vector<int>{4, 3, 2, 1}));
  int blocks = 0;
  must(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kReverse, 1024, 64 << 10));
  EXPECT_EQ(blocks, 2);  // 164 KiB for 65 KiB each, 2048 threads
  must(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kReverse, 256, 0));
  EXPECT_EQ(blocks, 8);
  cudaFuncAttributes attributes{};
  must(cudaFuncGetAttributes(&attributes, kReverse));
  EXPECT_EQ(attributes.ptxVersion, 80);
  EXPECT_EQ(attributes.maxDynamicSharedSizeBytes, 64 << 10);
}

TEST(Launches, AreCounted) {
  DeviceArray<int> x(std::vector<int>(kSize, 0));
  DeviceArray<int> y(std::vector<int>(kSize, 0));
  must(cudaDeviceSynchronize());
  bnas_emu_reset_counters();
  mix(nullptr, y.data(), x.data(), 0, kSize);
  mix(nullptr, y.data(), x.data(), 0, kSize);
  fill(nullptr, x.data(), 0, kSize);
  EXPECT_EQ(bnas_emu_launch_count(), 0U);  // none has run
  must(cudaDeviceSynchronize());
  EXPECT_EQ(bnas_emu_launch_count(), 3U);
  BnasEmuCounters counters{};
  std::uint64_t launches = 0;
  bnas_emu_kernel_counters("mix", &counters, &launches);
  EXPECT_EQ(launches, 2U);
  EXPECT_EQ(counters.global_read_bytes, 2U * 2 * kSize * sizeof(int));
  EXPECT_EQ(counters.global_written_bytes, 2U * kSize * sizeof(int));
  EXPECT_EQ(counters.unique_read_bytes, 2U * 2 * kSize * sizeof(int));
  EXPECT_EQ(counters.read_requests, 2U * 2 * kSize / 32);
  EXPECT_EQ(counters.read_sectors, 2U * 2 * kSize * sizeof(int) / 32);
}

TEST(Launches, AreReportedByAnnotation) {
  const std::string path = testing::TempDir() + "bnas_emu_report";
  std::remove(path.c_str());
  expect_exit(
      [&] {
        bnas_emu_set("report", path.c_str());
        DeviceArray<int> x(kSize);
        bnas_emu_annotate("step \"1\"");
        fill(nullptr, x.data(), 1, kSize);
        fill(nullptr, x.data(), 2, kSize);
        bnas_emu_annotate(nullptr);
        fill(nullptr, x.data(), 2, kSize);
        must(cudaDeviceSynchronize());
      },
      0, "");
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_NE(
      text.str().find("{\"note\":\"step \\\"1\\\"\",\"kernel\":\"bnas::test::(anonymous namespace)::fill_kernel\","
                      "\"launches\":2,\"warp_instructions\":"),
      std::string::npos)
      << text.str();
  EXPECT_NE(text.str().find("{\"note\":\"\","), std::string::npos);
  std::remove(path.c_str());
}

TEST(Launches, AreProfiledByLinesOfTheSource) {
  const std::string path = testing::TempDir() + "bnas_emu_profile";
  std::remove(path.c_str());
  expect_exit(
      [&] {
        bnas_emu_set("profile", path.c_str());
        DeviceArray<int> x(kSize);
        fill(nullptr, x.data(), 1, kSize);
        fill(nullptr, x.data(), 2, kSize);
        must(cudaDeviceSynchronize());
      },
      0, "");
  std::ifstream file(path);
  std::stringstream all;
  all << file.rdbuf();
  const std::string text = all.str();
  EXPECT_TRUE(text.starts_with("bnas::test::(anonymous namespace)::fill_kernel")) << text;
  EXPECT_NE(text.find(" warp instructions in 2 launches\n"), std::string::npos) << text;
  double percent = 0.0;  // of all lines, each "  12.3 %  file:line"
  for (std::size_t at = text.find(" %  "); at != std::string::npos; at = text.find(" %  ", at + 1)) {
    percent += std::stod(text.substr(at - 5, 5));
    EXPECT_NE(text.find("kernels.cu:", at), std::string::npos) << text;
  }
  EXPECT_NEAR(percent, 100.0, 1.0) << text;
  std::remove(path.c_str());
}

TEST(Threads, EachWithItsStream) {
  constexpr int kThreads = 8;
  std::vector<std::thread> threads;
  std::vector<int> results(kThreads, -1);
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([t, &results] {
      const Stream stream;
      int* p = nullptr;
      must(cudaMallocAsync(reinterpret_cast<void**>(&p), kSize * sizeof(int), stream));
      fill(stream, p, 0, kSize);
      for (int i = 0; i < 20; ++i) {
        mix(stream, p, p, t, kSize);
        if (i % 5 == 0) {
          stream.synchronize();
        }
      }
      int value = 0;
      must(cudaMemcpyAsync(&value, p, sizeof value, cudaMemcpyDeviceToHost, stream));
      must(cudaFreeAsync(p, stream));
      stream.synchronize();
      results[static_cast<std::size_t>(t)] = value;
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  unsigned expected = 0;  // of t = 1
  for (int i = 0; i < 20; ++i) {
    expected = 4 * expected + 1;
  }
  for (int t = 0; t < kThreads; ++t) {
    EXPECT_EQ(static_cast<unsigned>(results[static_cast<std::size_t>(t)]), expected * static_cast<unsigned>(t));
  }
  EXPECT_EQ(take_findings(), std::vector<std::string>());
}

TEST(Threads, PerThreadStreamsAreApart) {
  DeviceArray<int> x(std::vector<int>(kSize, 0));
  fill(cudaStreamPerThread, x.data(), 1, kSize);
  std::thread([&] {
    fill(cudaStreamPerThread, x.data(), 2, kSize);
    must(cudaStreamSynchronize(cudaStreamPerThread));
  }).join();
  must(cudaDeviceSynchronize());
  expect_finding("missing_dependency", {"per-thread stream"});
}

TEST(Events, MeasureAndRefuse) {
  const Stream stream;
  cudaEvent_t start = nullptr;
  cudaEvent_t end = nullptr;
  float milliseconds = -1;
  must(cudaEventCreate(&start));
  must(cudaEventCreate(&end));
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start, end), cudaErrorInvalidResourceHandle);  // never recorded
  must(cudaEventRecord(start, stream));
  must(cudaEventRecord(end, stream));
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start, end), cudaErrorNotReady);
  must(cudaEventSynchronize(end));
  must(cudaEventElapsedTime(&milliseconds, start, end));
  EXPECT_GE(milliseconds, 0);
  const Event untimed;
  must(cudaEventRecord(untimed, stream));
  must(cudaEventSynchronize(untimed));
  EXPECT_EQ(cudaEventElapsedTime(&milliseconds, start, untimed), cudaErrorInvalidResourceHandle);
  must(cudaEventDestroy(start));
  EXPECT_EQ(cudaEventDestroy(start), cudaErrorInvalidResourceHandle);
  must(cudaEventDestroy(end));
  (void)cudaGetLastError();
}

}  // namespace
}  // namespace bnas::test
