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

// A value that two nodes read is made once, from a part of its own size, and gone after the earlier of them.
TEST_F(TapeTest, ValuesAreMadeAgainFromWhatIsKept) {
  Tape tape(*stream_, Keep::parts);
  const Tensor w = Tensor::full(*stream_, Shape{4}, 1.0F), grad(*stream_, Shape{4}, DType::f32);
  const Tensor part = Tensor::full(*stream_, Shape{2}, 3.0F);
  int made = 0;
  Var value{w};
  value.remake = std::make_shared<Remake>(std::vector<Saved>{part, Tensor()},
                                          [&](Stream& stream, const std::vector<Tensor>& parts) {
                                            ++made;
                                            EXPECT_FALSE(parts[1].defined());
                                            return Tensor::full(stream, Shape{4}, parts[0].to_host(stream)[0]);
                                          });
  const std::weak_ptr<Remake> alive = value.remake;
  const auto read = [&](BackwardContext& bw) {
    EXPECT_EQ(bw.saved(0).to_host(bw.stream()), (std::vector<float>(4, 3.0F)));
    EXPECT_FALSE(alive.expired());
    bw.pass(0);
  };
  const Var a = tape.record("first", w, {tape.leaf(w, grad)}, {Saved(value)}, read);
  const Var b = tape.record("second", w, {a}, {Saved(value), Saved(value)}, read);
  value.remake.reset();
  EXPECT_EQ(tape.saved_bytes(), 2U * 4);
  tape.backward(b, Tensor::full(*stream_, Shape{4}, 1.0F));
  EXPECT_EQ(made, 1);
  EXPECT_TRUE(alive.expired());
  EXPECT_EQ(tape.saved_bytes(), 0U);
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

/// Keeps the storage of the gradients that it sees.
Tape::Backward watch(std::vector<GradColumns>& seen) {
  return [&seen](BackwardContext& bw) {
    seen.push_back(bw.dy_columns());
    bw.pass(0);
  };
}

class PassedGradients : public TapeTest {
 protected:
  Tensor numbers(const Shape& shape, std::vector<float> values) {
    return Tensor::from_host(*stream_, shape, std::span<const float>(values));
  }
  const Tensor x_ = Tensor::full(*stream_, Shape{2, 2}, 0.0F);
  const Tensor grad_{*stream_, Shape{2, 2}, DType::f32};
  const Tensor dy_ = numbers({2, 2}, {1, 2, 3, 4});
  std::vector<GradColumns> seen_;
  Tape tape_{*stream_};
  const Var leaf_ = tape_.leaf(x_, grad_);
};

TEST_F(PassedGradients, AreNotCopied) {
  const Var a = tape_.record("a", x_, {leaf_}, {}, watch(seen_));
  const Var b = tape_.record("b", x_.reshaped({4}), {a}, {}, watch(seen_));
  tape_.backward(b, dy_.reshaped({4}));
  ASSERT_EQ(seen_.size(), 2U);
  EXPECT_EQ(seen_[1].tensor.raw(), dy_.raw());
  EXPECT_EQ(seen_[1].tensor.shape(), x_.shape());
  EXPECT_EQ(grad_.to_host(*stream_), (std::vector<float>{1, 2, 3, 4}));
}

TEST_F(PassedGradients, AreCopiedBeforeOthersAreAdded) {
  const Var a = tape_.record("a", x_, {leaf_}, {}, watch(seen_));
  const Var b = tape_.record("b", x_, {a}, {}, watch(seen_));
  const Var sum = tape_.record("sum", x_, {a, b, a}, {}, [](BackwardContext& bw) {
    bw.pass(0);
    bw.pass(1);
    bw.pass(2);
  });
  tape_.backward(sum, dy_);
  EXPECT_EQ(grad_.to_host(*stream_), (std::vector<float>{3, 6, 9, 12}));
  EXPECT_EQ(seen_[0].tensor.raw(), dy_.raw());  // of b, after a got a second part
  EXPECT_EQ(dy_.to_host(*stream_), (std::vector<float>{1, 2, 3, 4}));
}

TEST_F(PassedGradients, OfColumnsAreCutOutOnlyWhereAnOperationWantsThemWhole) {
  std::vector<std::vector<float>> whole;
  const Var a = tape_.record("a", x_, {leaf_}, {}, [&](BackwardContext& bw) {
    whole.push_back(bw.dy().to_host(bw.stream()));
    bw.pass(0);
  });
  const Var b = tape_.record("b", x_, {a}, {}, watch(seen_));
  const Tensor wide = Tensor::full(*stream_, Shape{2, 4}, 0.0F);
  const Var inner = tape_.record("inner", wide, {a, b}, {}, [](BackwardContext& bw) {
    bw.pass_columns(0, 0);
    bw.pass_columns(1, 2);
  });
  const Var outer = tape_.record("outer", Tensor::full(*stream_, Shape{2, 5}, 0.0F), {inner}, {},
                                 [](BackwardContext& bw) { bw.pass_columns(0, 1); });
  const Tensor dy = numbers({2, 5}, {9, 1, 2, 3, 4, 9, 5, 6, 7, 8});
  tape_.backward(outer, dy);
  ASSERT_EQ(seen_.size(), 1U);
  EXPECT_EQ(seen_[0].tensor.raw(), dy.raw());
  EXPECT_EQ(seen_[0].begin, 3);
  EXPECT_TRUE(seen_[0].fit(x_.shape()));
  EXPECT_EQ(whole, (std::vector<std::vector<float>>{{4, 6, 12, 14}}));
  EXPECT_EQ(grad_.to_host(*stream_), whole[0]);
}

TEST_F(PassedGradients, FitRowsAndChannels) {
  const GradColumns columns{dy_, 1};
  EXPECT_TRUE(columns.fit({2, 1}));
  EXPECT_TRUE(columns.fit({1, 2, 1}));
  EXPECT_FALSE(columns.fit({2, 2}));
  EXPECT_FALSE(columns.fit({3, 1}));
  EXPECT_FALSE((GradColumns{dy_, -1}.fit({2, 1})));
  EXPECT_FALSE(GradColumns{}.fit({2, 1}));
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
