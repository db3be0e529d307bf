// SPDX-License-Identifier: Apache-2.0
#include <functional>

#include "tests/runtime/kernels.hpp"
#include "tests/runtime/support.hpp"

namespace bnas::test {
namespace {

constexpr int kSize = 150;

class Graph {
 public:
  Graph(cudaStream_t stream, const std::function<void()>& body) {
    must(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
    body();
    must(cudaStreamEndCapture(stream, &graph_));
    must(cudaGraphInstantiate(&executable_, graph_, 0));
  }
  ~Graph() {
    cudaGraphExecDestroy(executable_);
    cudaGraphDestroy(graph_);
  }
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void launch(cudaStream_t stream) const { must(cudaGraphLaunch(executable_, stream)); }
  cudaGraph_t graph() const { return graph_; }
  cudaGraphExec_t executable() const { return executable_; }
  std::vector<cudaGraphNode_t> nodes() const {
    std::size_t count = 0;
    must(cudaGraphGetNodes(graph_, nullptr, &count));
    std::vector<cudaGraphNode_t> all(count);
    must(cudaGraphGetNodes(graph_, all.data(), &count));
    return all;
  }

 private:
  cudaGraph_t graph_ = nullptr;
  cudaGraphExec_t executable_ = nullptr;
};

class GraphTest : public testing::Test {
 protected:
  void TearDown() override {
    must(cudaDeviceSynchronize());
    EXPECT_EQ(take_findings(), std::vector<std::string>());
  }

  // x and y in parallel, then y = 3 y + x + 1.
  void fork_and_join(bool join) {
    fork_.order(a_, b_);
    fill(a_, x_.data(), 5, kSize);
    fill(b_, y_.data(), 7, kSize);
    if (join) {
      join_.order(b_, a_);
    }
    mix(a_, y_.data(), x_.data(), 1, kSize);
    if (!join) {
      join_.order(b_, a_);
    }
  }

  DeviceArray<int> x_{std::vector<int>(kSize, 1)};
  DeviceArray<int> y_{std::vector<int>(kSize, 2)};
  Stream a_;
  Stream b_;
  Event fork_;
  Event join_;
};

TEST_F(GraphTest, CaptureRunsNothingAndKeepsTheShape) {
  const Graph graph(a_, [&] { fork_and_join(true); });
  must(cudaDeviceSynchronize());
  EXPECT_EQ(x_.download(), std::vector<int>(kSize, 1));
  const std::vector<cudaGraphNode_t> nodes = graph.nodes();
  ASSERT_EQ(nodes.size(), 3U);
  std::vector<std::size_t> dependencies;
  for (const cudaGraphNode_t node : nodes) {
    std::size_t count = 0;
    must(cudaGraphNodeGetDependencies(node, nullptr, nullptr, &count));
    dependencies.push_back(count);
    cudaGraphNodeType type = cudaGraphNodeTypeEmpty;
    must(cudaGraphNodeGetType(node, &type));
    EXPECT_EQ(type, cudaGraphNodeTypeKernel);
  }
  EXPECT_EQ(dependencies, (std::vector<std::size_t>{0, 0, 2}));
}

TEST_F(GraphTest, ForkAndJoinInAnyOrder) {
  const Graph graph(a_, [&] { fork_and_join(true); });
  for (int seed = 0; seed < 20; ++seed) {
    const WithOption option("seed", std::to_string(seed));
    graph.launch(a_);
    a_.synchronize();
    EXPECT_EQ(y_.download(), std::vector<int>(kSize, 27));
  }
}

TEST_F(GraphTest, AMissingJoinIsFound) {
  const Graph graph(a_, [&] { fork_and_join(false); });
  graph.launch(a_);
  a_.synchronize();
  expect_finding("missing_dependency", {"graph", "fill_kernel", "mix_kernel"});
}

TEST_F(GraphTest, ReplaysSeeChangedData) {
  PinnedArray<int> in(kSize, 10);
  PinnedArray<int> out(kSize);
  const Graph graph(a_, [&] {
    must(cudaMemcpyAsync(x_.data(), in.data(), x_.bytes(), cudaMemcpyHostToDevice, a_));
    must(cudaMemsetAsync(y_.data(), 0, y_.bytes(), a_));
    mix(a_, y_.data(), x_.data(), 1, kSize);
    must(cudaMemcpyAsync(out.data(), y_.data(), y_.bytes(), cudaMemcpyDeviceToHost, a_));
  });
  for (int value : {10, 20, 30}) {
    std::fill_n(in.data(), kSize, value);
    graph.launch(a_);
    a_.synchronize();
    EXPECT_EQ(out[kSize - 1], value + 1);
  }
}

TEST_F(GraphTest, LaunchesOfOneGraphFollowEachOtherAcrossStreams) {
  const Graph graph(a_, [&] { mix(a_, y_.data(), x_.data(), 0, kSize); });  // y = 3 y + 1
  for (int seed = 0; seed < 10; ++seed) {
    const WithOption option("seed", std::to_string(seed));
    y_.upload(std::vector<int>(kSize, 0));
    graph.launch(a_);
    graph.launch(b_);
    graph.launch(a_);
    must(cudaDeviceSynchronize());
    EXPECT_EQ(y_.download(), std::vector<int>(kSize, 13));
  }
}

TEST_F(GraphTest, WorkAroundALaunchIsOrderedWithIt) {
  const Graph graph(a_, [&] { fork_and_join(true); });
  for (int seed = 0; seed < 10; ++seed) {
    const WithOption option("seed", std::to_string(seed));
    fill(a_, y_.data(), 1, kSize);
    graph.launch(a_);
    mix(a_, y_.data(), x_.data(), 0, kSize);
    a_.synchronize();
    EXPECT_EQ(y_.download(), std::vector<int>(kSize, 86));
  }
  graph.launch(a_);
  fill(b_, y_.data(), 1, kSize);
  must(cudaDeviceSynchronize());
  EXPECT_FALSE(take_findings().empty());
}

TEST_F(GraphTest, HostFunctionsRunInOrderAndMayNotCallCuda) {
  struct Seen {
    int calls = 0;
    cudaError_t inner = cudaSuccess;
  } seen;
  const Graph graph(a_, [&] {
    fill(a_, x_.data(), 3, kSize);
    must(cudaLaunchHostFunc(
        a_,
        [](void* argument) {
          auto& s = *static_cast<Seen*>(argument);
          ++s.calls;
          s.inner = cudaDeviceSynchronize();
        },
        &seen));
  });
  graph.launch(a_);
  graph.launch(a_);
  EXPECT_EQ(seen.calls, 0);  // as late as possible
  a_.synchronize();
  EXPECT_EQ(seen.calls, 2);
  EXPECT_EQ(seen.inner, cudaErrorNotPermitted);
  (void)cudaGetLastError();
}

TEST_F(GraphTest, KernelNodesTakeNewArguments) {
  const Graph graph(a_, [&] { fill(a_, x_.data(), 3, kSize); });
  const cudaGraphNode_t node = graph.nodes().at(0);
  cudaKernelNodeParams params{};
  must(cudaGraphKernelNodeGetParams(node, &params));
  EXPECT_EQ(params.func, kFill);
  EXPECT_EQ(params.blockDim.x, 128U);
  EXPECT_EQ(*static_cast<int*>(params.kernelParams[1]), 3);
  int* target = y_.data();
  int value = 8;
  int size = kSize;
  void* arguments[] = {&target, &value, &size};
  params.kernelParams = arguments;
  graph.launch(a_);  // enqueued before the change: keeps the old arguments
  must(cudaGraphExecKernelNodeSetParams(graph.executable(), node, &params));
  graph.launch(a_);
  a_.synchronize();
  EXPECT_EQ(x_.download(), std::vector<int>(kSize, 3));
  EXPECT_EQ(y_.download(), std::vector<int>(kSize, 8));
}

TEST_F(GraphTest, UpdateTakesTheSameShapeOnly) {
  const Graph graph(a_, [&] { fill(a_, x_.data(), 3, kSize); });
  const Graph same(a_, [&] { fill(a_, y_.data(), 4, kSize); });
  const Graph longer(a_, [&] { fork_and_join(true); });
  const Graph other(a_, [&] { must(cudaMemsetAsync(x_.data(), 0, x_.bytes(), a_)); });
  cudaGraphExecUpdateResultInfo info{};
  EXPECT_EQ(cudaGraphExecUpdate(graph.executable(), longer.graph(), &info), cudaErrorGraphExecUpdateFailure);
  EXPECT_EQ(info.result, cudaGraphExecUpdateErrorTopologyChanged);
  EXPECT_EQ(cudaGraphExecUpdate(graph.executable(), other.graph(), &info), cudaErrorGraphExecUpdateFailure);
  EXPECT_EQ(info.result, cudaGraphExecUpdateErrorNodeTypeChanged);
  EXPECT_EQ(cudaGraphExecUpdate(graph.executable(), same.graph(), &info), cudaSuccess);
  (void)cudaGetLastError();
  graph.launch(a_);
  a_.synchronize();
  EXPECT_EQ(x_.download(), std::vector<int>(kSize, 1));
  EXPECT_EQ(y_.download(), std::vector<int>(kSize, 4));
}

TEST_F(GraphTest, DestroyedHandlesAreFoundOut) {
  cudaGraph_t graph = nullptr;
  must(cudaStreamBeginCapture(a_, cudaStreamCaptureModeGlobal));
  must(cudaStreamEndCapture(a_, &graph));
  must(cudaGraphDestroy(graph));
  EXPECT_EQ(cudaGraphDestroy(graph), cudaErrorInvalidResourceHandle);
  (void)cudaGetLastError();
}

}  // namespace
}  // namespace bnas::test
