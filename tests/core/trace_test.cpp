// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/trace.hpp"

#include <gtest/gtest.h>

#include "bnas/core/backend.hpp"
#include "bnas/core/kernels/elementwise.hpp"
#include "bnas/core/tensor.hpp"
#include "support/recorded_trace.hpp"

namespace bnas {
namespace {

TEST(TraceTest, RangesNestAndCarryTheirNumbers) {
  test::RecordedTrace trace;
  {
    const TraceRange child(TraceCategory::child, "child", 17);
    const TraceRange epoch(TraceCategory::epoch, "epoch", 3);
    trace_thread("worker 1");
  }
  EXPECT_EQ(trace.lines(), (std::vector<std::string>{"child 17", "  epoch 3", "    thread worker 1"}));
}

TEST(TraceTest, EveryKernelIsARange) {
  test::RecordedTrace trace(true);
  const auto stream = backend_for({}).make_stream();
  Tensor x(*stream, {4}, DType::f32);
  dispatch<kernels::Fill>(*stream, x, 1.0F);
  EXPECT_EQ(trace.lines(), std::vector<std::string>{"fill -1"});
}

TEST(TraceTest, WithoutASinkNothingHappens) {
  TraceSink* const before = set_trace_sink(nullptr);
  { const TraceRange range(TraceCategory::io, "checkpoint"); }
  trace_thread("nobody");
  EXPECT_EQ(trace_sink(), nullptr);
  set_trace_sink(before);
}

TEST(TraceTest, AnOpenRangeEndsWhereItBegan) {
  test::RecordedTrace outer;
  {
    const TraceRange range(TraceCategory::step, "step", 1);
    test::RecordedTrace inner;
    EXPECT_TRUE(inner.lines().empty());
  }
  EXPECT_EQ(outer.lines(), std::vector<std::string>{"step 1"});
  EXPECT_EQ(outer.open(), 0);
}

}  // namespace
}  // namespace bnas
