// SPDX-License-Identifier: Apache-2.0
// Missing dependencies: each planted one is found, its correct twin is not.
#include <random>
#include <set>

#include "tests/runtime/kernels.hpp"
#include "tests/runtime/support.hpp"

namespace bnas::test {
namespace {

constexpr int kSize = 200;  // more than one block, the last one partly used

class DependencyTest : public testing::Test {
 protected:
  // Ends with nothing found that was not taken.
  void TearDown() override {
    must(cudaDeviceSynchronize());
    EXPECT_EQ(take_findings(), std::vector<std::string>());
  }
  static void settle() { must(cudaDeviceSynchronize()); }

  DeviceArray<int> x_{std::vector<int>(kSize, 1)};
  DeviceArray<int> y_{std::vector<int>(kSize, 2)};
  Stream a_;
  Stream b_;
  Event event_;
};

TEST_F(DependencyTest, ReadAfterWriteNeedsAnEvent) {
  fill(a_, x_.data(), 5, kSize);
  mix(b_, y_.data(), x_.data(), 0, kSize);
  settle();
  expect_finding("missing_dependency", {"fill_kernel", "mix_kernel", "stream"});
}

TEST_F(DependencyTest, AnEventOrdersReadAfterWrite) {
  fill(a_, x_.data(), 5, kSize);
  event_.order(a_, b_);
  mix(b_, y_.data(), x_.data(), 0, kSize);
  b_.synchronize();
  EXPECT_EQ(y_.download(), std::vector<int>(kSize, 11));
}

TEST_F(DependencyTest, AnEventRecordedTooEarlyOrdersNothing) {
  must(cudaEventRecord(event_, a_));
  fill(a_, x_.data(), 5, kSize);
  must(cudaStreamWaitEvent(b_, event_, 0));
  mix(b_, y_.data(), x_.data(), 0, kSize);
  settle();
  expect_finding("missing_dependency");
}

TEST_F(DependencyTest, WriteAfterReadNeedsAnEvent) {
  read_only(a_, x_.data(), kSize);
  must(cudaMemsetAsync(x_.data(), 0, x_.bytes(), b_));
  settle();
  expect_finding("missing_dependency", {"read_only_kernel", "fill"});
}

TEST_F(DependencyTest, WriteAfterWriteNeedsAnEvent) {
  fill(a_, x_.data(), 1, kSize);
  fill(b_, x_.data(), 2, kSize);
  settle();
  expect_finding("missing_dependency", {"writes what", "wrote"});
}

TEST_F(DependencyTest, TwoReadersNeedNoOrder) {
  read_only(a_, x_.data(), kSize);
  read_only(b_, x_.data(), kSize);
}

TEST_F(DependencyTest, WaitingForOneOfTwoReadersIsNotEnough) {
  Stream c;
  read_only(a_, x_.data(), kSize);
  read_only(b_, x_.data(), kSize);
  event_.order(a_, c);
  fill(c, x_.data(), 1, kSize);
  settle();
  expect_finding("missing_dependency");
}

TEST_F(DependencyTest, PartsOfOneBufferAreApart) {
  fill(a_, x_.data(), 1, kSize / 2);
  fill(b_, x_.data() + kSize / 2, 2, kSize / 2);
}

TEST_F(DependencyTest, OrderIsTransitive) {
  Stream c;
  Event second;
  fill(a_, x_.data(), 5, kSize);
  event_.order(a_, b_);
  second.order(b_, c);
  mix(c, y_.data(), x_.data(), 0, kSize);
}

TEST_F(DependencyTest, HostSynchronizationOrders) {
  fill(a_, x_.data(), 5, kSize);
  a_.synchronize();
  mix(b_, y_.data(), x_.data(), 0, kSize);
}

TEST_F(DependencyTest, SynchronizingAnotherStreamDoesNot) {
  fill(a_, x_.data(), 5, kSize);
  b_.synchronize();
  mix(b_, y_.data(), x_.data(), 0, kSize);
  settle();
  expect_finding("missing_dependency");
}

TEST_F(DependencyTest, AQueryThatSaysDoneOrders) {
  fill(a_, x_.data(), 5, kSize);
  must(cudaEventRecord(event_, a_));
  while (cudaEventQuery(event_) == cudaErrorNotReady) {
  }
  (void)cudaGetLastError();
  mix(b_, y_.data(), x_.data(), 0, kSize);
}

TEST_F(DependencyTest, TheLegacyStreamOrdersBlockingStreamsOnly) {
  Stream blocking(cudaStreamDefault);
  fill(blocking, x_.data(), 5, kSize);
  mix(nullptr, y_.data(), x_.data(), 0, kSize);
  mix(blocking, x_.data(), y_.data(), 0, kSize);
  settle();
  EXPECT_EQ(take_findings(), std::vector<std::string>());
  fill(a_, x_.data(), 5, kSize);
  mix(nullptr, y_.data(), x_.data(), 0, kSize);
  settle();
  expect_finding("missing_dependency", {"the default stream"});
}

TEST_F(DependencyTest, CopiesOfPinnedMemoryAreFollowed) {
  PinnedArray<int> host(kSize, 7);
  must(cudaMemcpyAsync(host.data(), x_.data(), x_.bytes(), cudaMemcpyDeviceToHost, a_));
  must(cudaMemcpyAsync(y_.data(), host.data(), y_.bytes(), cudaMemcpyHostToDevice, b_));
  settle();
  expect_finding("missing_dependency", {"copy"});
  must(cudaMemcpyAsync(host.data(), x_.data(), x_.bytes(), cudaMemcpyDeviceToHost, a_));
  event_.order(a_, b_);
  must(cudaMemcpyAsync(y_.data(), host.data(), y_.bytes(), cudaMemcpyHostToDevice, b_));
  settle();
}

TEST_F(DependencyTest, PoolMemoryIsUsableOnlyBehindItsAllocation) {
  int* p = nullptr;
  must(cudaMallocAsync(reinterpret_cast<void**>(&p), kSize * sizeof(int), a_));
  fill(b_, p, 1, kSize);
  settle();
  expect_finding("missing_dependency", {"allocation"});
  must(cudaFreeAsync(p, b_));
}

TEST_F(DependencyTest, PoolMemoryPassesFromStreamToStream) {
  int* p = nullptr;
  must(cudaMallocAsync(reinterpret_cast<void**>(&p), kSize * sizeof(int), a_));
  event_.order(a_, b_);
  fill(b_, p, 1, kSize);
  must(cudaFreeAsync(p, b_));
}

TEST_F(DependencyTest, AFreeThatDoesNotWaitForAUseIsFound) {
  expect_exit(
      [] {
        for (int seed = 1; seed < 20; ++seed) {  // found whether the free or the use runs first
          bnas_emu_set("seed", std::to_string(seed).c_str());
          Stream a;
          Stream b;
          Event event;
          int* p = nullptr;
          must(cudaMallocAsync(reinterpret_cast<void**>(&p), kSize * sizeof(int), a));
          event.order(a, b);
          fill(b, p, 1, kSize);
          must(cudaFreeAsync(p, a));
          if (cudaDeviceSynchronize() != cudaSuccess) {
            break;
          }
        }
      },
      99, "missing_dependency|use_after_free");
}

// --- random programs against an oracle -----------------------------------------------------------------------------

// A program of kernels on streams whose waits are partly left out. Reachability over its declared order is computed
// here on its own, as a matrix.
struct Program {
  struct Step {
    int stream;
    int written;
    int read;
    std::vector<int> waits;  // earlier steps
  };
  static constexpr int kStreams = 4;
  static constexpr int kBuffers = 5;
  std::vector<Step> steps;

  // `kept`: how many per cent of the waits that are needed stay.
  static Program random(unsigned seed, int count, int kept) {
    std::mt19937 draw(seed);
    const auto below = [&](int n) { return static_cast<int>(draw() % static_cast<unsigned>(n)); };
    Program program;
    for (int i = 0; i < count; ++i) {
      Step step{below(kStreams), below(kBuffers), below(kBuffers), {}};
      for (int j = 0; j < i; ++j) {
        const Step& other = program.steps[static_cast<std::size_t>(j)];
        if (other.stream != step.stream && conflict(other, step) && below(100) < kept) {
          step.waits.push_back(j);
        }
      }
      program.steps.push_back(step);
    }
    return program;
  }

  static bool conflict(const Step& a, const Step& b) {
    return a.written == b.written || a.written == b.read || a.read == b.written;
  }

  // Is there a pair of conflicting steps that no path of stream order and waits joins?
  bool unordered_conflict() const {
    const std::size_t n = steps.size();
    std::vector<std::set<std::size_t>> before(n);
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        const bool direct = steps[j].stream == steps[i].stream ||
                            std::count(steps[i].waits.begin(), steps[i].waits.end(), static_cast<int>(j)) > 0;
        if (direct) {
          before[i].insert(before[j].begin(), before[j].end());
          before[i].insert(j);
        }
      }
      for (std::size_t j = 0; j < i; ++j) {
        if (conflict(steps[j], steps[i]) && !before[i].contains(j)) {
          return true;
        }
      }
    }
    return false;
  }

  std::vector<std::vector<int>> sequential() const {
    std::vector<std::vector<int>> buffers;
    for (int b = 0; b < kBuffers; ++b) {
      buffers.emplace_back(kSize, b);
    }
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const std::vector<int> source = buffers[static_cast<std::size_t>(steps[i].read)];
      std::vector<int>& target = buffers[static_cast<std::size_t>(steps[i].written)];
      for (std::size_t e = 0; e < target.size(); ++e) {
        target[e] = static_cast<int>(3U * static_cast<unsigned>(target[e]) + static_cast<unsigned>(source[e]) +
                                     static_cast<unsigned>(i));
      }
    }
    return buffers;
  }

  std::vector<std::vector<int>> on_streams() const {
    std::vector<std::unique_ptr<DeviceArray<int>>> buffers;
    for (int b = 0; b < kBuffers; ++b) {
      buffers.push_back(std::make_unique<DeviceArray<int>>(std::vector<int>(kSize, b)));
    }
    const std::vector<Stream> streams(kStreams);
    std::vector<std::unique_ptr<Event>> done;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const cudaStream_t stream = streams[static_cast<std::size_t>(steps[i].stream)];
      for (const int wait : steps[i].waits) {
        must(cudaStreamWaitEvent(stream, *done[static_cast<std::size_t>(wait)], 0));
      }
      mix(stream, buffers[static_cast<std::size_t>(steps[i].written)]->data(),
          buffers[static_cast<std::size_t>(steps[i].read)]->data(), static_cast<int>(i), kSize);
      done.push_back(std::make_unique<Event>());
      must(cudaEventRecord(*done.back(), stream));
    }
    must(cudaDeviceSynchronize());
    std::vector<std::vector<int>> results;
    for (const auto& buffer : buffers) {
      results.push_back(buffer->download());
    }
    return results;
  }
};

TEST(RandomStreams, ACompleteProgramComputesWhatItSaysInAnyOrder) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    const WithOption option("seed", std::to_string(seed));
    const Program program = Program::random(seed, 40, 100);
    EXPECT_EQ(program.on_streams(), program.sequential()) << "seed " << seed;
    EXPECT_EQ(take_findings(), std::vector<std::string>()) << "seed " << seed;
  }
}

TEST(RandomStreams, AFindingComesExactlyWhenAConflictIsUnordered) {
  int incomplete = 0;
  for (unsigned seed = 0; seed < 50; ++seed) {
    const WithOption option("seed", std::to_string(seed));
    const Program program = Program::random(seed, 8, 85);
    program.on_streams();
    EXPECT_EQ(take_findings().empty(), !program.unordered_conflict()) << "seed " << seed;
    incomplete += program.unordered_conflict() ? 1 : 0;
  }
  EXPECT_GT(incomplete, 5);
  EXPECT_LT(incomplete, 45);
}

TEST(RandomStreams, SeedsShowBothOrdersOfUnorderedWork) {
  std::set<int> results;
  for (unsigned seed = 0; seed < 50; ++seed) {
    const WithOption option("seed", std::to_string(seed));
    DeviceArray<int> x(std::vector<int>(kSize, 0));
    const Stream a;
    const Stream b;
    fill(a, x.data(), 1, kSize);
    fill(b, x.data(), 2, kSize);
    must(cudaDeviceSynchronize());
    results.insert(x.download()[0]);
    take_findings();
  }
  EXPECT_EQ(results, (std::set<int>{1, 2}));
}

}  // namespace
}  // namespace bnas::test
