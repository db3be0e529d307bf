// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/tape.hpp"

#include <gtest/gtest.h>

#include "bnas/core/backend.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/kernels/elementwise.hpp"

namespace bnas {
namespace {

class TapeTest : public testing::Test {
 protected:
  std::unique_ptr<Stream> stream_ = backend_for({}).make_stream();
};

TEST_F(TapeTest, RecordWithoutGradientsReturnsAConstant) {
  Tape tape(*stream_);
  const Tensor x(*stream_, Shape{4}, DType::f32);
  const Var y = tape.record("op", x, {Var{x}}, {x}, [](BackwardContext&) { FAIL() << "must not run"; });
  EXPECT_FALSE(y.needs_grad());
  EXPECT_EQ(tape.saved_bytes(), 0U);
}

TEST_F(TapeTest, SavedStorageIsCountedOncePerStorageAndByOperation) {
  Tape tape(*stream_);
  const Tensor w(*stream_, Shape{4}, DType::f32);
  const Tensor grad(*stream_, Shape{4}, DType::f32);
  const Tensor bits(*stream_, Shape{2, 33}, DType::bit);  // two rows of two words
  const Var leaf = tape.leaf(w, grad);
  const Var a = tape.record("first", w, {leaf}, {w, bits}, [](BackwardContext&) {});
  tape.record("second", w, {a}, {bits}, [](BackwardContext&) {});
  EXPECT_EQ(tape.saved_bytes(), 16U + 16U);
  ASSERT_EQ(tape.saved_by_op().size(), 1U);
  EXPECT_EQ(tape.saved_by_op()[0].first, "first");
}

TEST_F(TapeTest, LossMustBeAScalarThatDependsOnALeaf) {
  Tape tape(*stream_);
  const Tensor w(*stream_, Shape{4}, DType::f32);
  const Tensor grad(*stream_, Shape{4}, DType::f32);
  EXPECT_THROW(tape.backward(Var{w}), Error);
  EXPECT_THROW(tape.backward(tape.leaf(w, grad)), Error);
}

TEST_F(TapeTest, BackwardStartsFromAGivenGradient) {
  Tape tape(*stream_);
  const Tensor w = Tensor::full(*stream_, Shape{3}, 2.0F);
  const Tensor grad(*stream_, Shape{3}, DType::f32);
  const Var y = tape.record("double", w, {tape.leaf(w, grad)}, {}, [](BackwardContext& bw) {
    GradSlot dx = bw.dx(0);
    dispatch<kernels::Scale>(bw.stream(), bw.dy(), 2.0F, dx.tensor, dx.mode);
  });
  const std::vector<float> upstream = {1.0F, -3.0F, 0.5F};
  EXPECT_THROW(tape.backward(y, Tensor::full(*stream_, Shape{2}, 1.0F)), Error);
  tape.backward(y, Tensor::from_host(*stream_, Shape{3}, std::span<const float>(upstream)));
  EXPECT_EQ(grad.to_host(*stream_), (std::vector<float>{2.0F, -6.0F, 1.0F}));
}

TEST_F(TapeTest, TheSameParameterIsOneLeaf) {
  Tape tape(*stream_);
  const Tensor w(*stream_, Shape{4}, DType::f32);
  const Tensor grad(*stream_, Shape{4}, DType::f32);
  EXPECT_EQ(tape.leaf(w, grad).node, tape.leaf(w, grad).node);
}

TEST_F(TapeTest, GradientOfTheWrongShapeIsRefused) {
  Tape tape(*stream_);
  EXPECT_THROW(tape.leaf(Tensor(*stream_, Shape{4}, DType::f32), Tensor(*stream_, Shape{3}, DType::f32)), Error);
}

}  // namespace
}  // namespace bnas
