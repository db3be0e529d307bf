// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "backend/cpu/memory.hpp"
#include "bnas/core/backend.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/tensor.hpp"

namespace bnas {
namespace {

TEST(Allocator, BlocksAreReusedInStreamOrder) {
  const auto stream = backend_for({}).make_stream();
  void* first = nullptr;
  {
    const Tensor tensor(*stream, Shape{1000}, DType::f32);
    first = tensor.raw();
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(first) % 64, 0U);
  }
  const Tensor again(*stream, Shape{1000}, DType::f32);
  EXPECT_EQ(again.raw(), first);
  EXPECT_EQ(stream->memory().cached, 0U);
}

TEST(Allocator, StatisticsFollowUse) {
  const auto stream = backend_for({}).make_stream();
  auto tensor = std::make_unique<Tensor>(*stream, Shape{64}, DType::f32);
  EXPECT_EQ(stream->memory().in_use, 256U);
  tensor.reset();
  EXPECT_EQ(stream->memory().in_use, 0U);
  EXPECT_EQ(stream->memory().peak, 256U);
  EXPECT_EQ(stream->memory().cached, 256U);
}

TEST(Allocator, TheLimitIsAnErrorThatNamesTheBytes) {
  const auto stream = backend_for({}).make_stream();
  stream->set_memory_limit(1024);
  try {
    const Tensor tensor(*stream, Shape{4096}, DType::f32);
    FAIL() << "16 KiB fit into a limit of 1 KiB";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unavailable);
    EXPECT_NE(std::string(error.what()).find("16384 bytes"), std::string::npos) << error.what();
  }
  EXPECT_NO_THROW(Tensor(*stream, Shape{16}, DType::f32));  // a refused request leaves the stream usable
}

TEST(Allocator, StorageMayOutliveItsStream) {
  Tensor tensor;
  {
    const auto stream = backend_for({}).make_stream();
    tensor = Tensor(*stream, Shape{16}, DType::i32);
  }
  tensor.data<std::int32_t>()[15] = 7;
  EXPECT_EQ(tensor.data<std::int32_t>()[15], 7);
}

TEST(Allocator, AnArenaKeepsItsBlocksToItself) {
  const auto allocator = std::make_shared<CachingAllocator>(cpu::make_memory_source());
  auto arena = allocator->make_arena();
  allocator->use(arena);
  const void* inside = allocator->allocate(256)->data();
  allocator->use(nullptr);
  const auto outside = allocator->allocate(256);
  EXPECT_NE(outside->data(), inside);
  allocator->use(arena);
  allocator->seal(true);
  const auto again = allocator->allocate(256);
  EXPECT_EQ(again->data(), inside);
  EXPECT_THROW(allocator->allocate(256), Error);  // recording must not ask for new blocks
  allocator->seal(false);
  EXPECT_EQ(allocator->stats().in_use, 512U);
  arena.reset();
  allocator->use(nullptr);  // `again` alone keeps the arena alive
}

TEST(Tensor, BitRowsStartOnWords) {
  EXPECT_EQ(storage_bytes(Shape{3, 33}, DType::bit), 3U * 2U * 4U);
  EXPECT_EQ(storage_bytes(Shape{2, 2, 2, 32}, DType::bit), 8U * 4U);
}

TEST(Tensor, WrongElementTypeIsAnError) {
  const auto stream = backend_for({}).make_stream();
  const Tensor tensor(*stream, Shape{2}, DType::i8);
  EXPECT_THROW(tensor.data<float>(), Error);
  EXPECT_THROW(tensor.reshaped(Shape{3}), Error);
}

TEST(Tensor, BitsAreSeenAnewWherePaddingStaysInPlace) {
  const auto stream = backend_for({}).make_stream();
  const Tensor whole(*stream, Shape{6, 64}, DType::bit), padded(*stream, Shape{2, 3, 33}, DType::bit);
  EXPECT_EQ(whole.reshaped(Shape{2, 192}).raw(), whole.raw());
  EXPECT_FALSE(whole.can_reshape(Shape{24, 16}));
  EXPECT_EQ(padded.reshaped(Shape{6, 33}).raw(), padded.raw());
  EXPECT_THROW(padded.reshaped(Shape{2, 99}), Error);
}

TEST(Device, ParsesItsText) {
  EXPECT_EQ(Device::parse("cuda:3"), (Device{DeviceType::cuda, 3}));
  EXPECT_EQ(Device::parse("cpu").text(), "cpu");
  for (const char* bad : {"", "gpu", "cuda:", "cuda:-1", "cuda:1x", "cuda:99999999999"}) {
    EXPECT_THROW(Device::parse(bad), Error) << bad;
  }
  EXPECT_THROW(backend_for({DeviceType::cuda, 1000}), Error);
}

TEST(NearestName, FindsTypingErrorsOnly) {
  const std::string names[] = {"epochs", "operators", "seed"};
  EXPECT_EQ(nearest_name("epoch", names, names + 3), "epochs");
  EXPECT_EQ(nearest_name("opeartors", names, names + 3), "operators");
  EXPECT_EQ(nearest_name("completely-different", names, names + 3), "");
  EXPECT_EQ(nearest_name(std::string(100000, 'x'), names, names + 3), "");
}

}  // namespace
}  // namespace bnas
