// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/io/checkpoint.hpp"

#include <gmock/gmock.h>

#include "core/file_helpers.hpp"

namespace bnas {
namespace {

using ::testing::HasSubstr;

// Distinguishable by its epoch in tensor and counter.
Checkpoint checkpoint_of(std::int64_t epoch) {
  Checkpoint checkpoint;
  checkpoint.state.tensors["w"] = {StoredType::u8, {3}, {1, 2, static_cast<std::uint8_t>(epoch)}};
  checkpoint.state.metadata["note"] = "\"bnas.sha256\":\"";  // must not be taken for the digest
  checkpoint.counters = {{"epoch", epoch}, {"step", -5}};
  return checkpoint;
}

std::int64_t loaded_epoch(CheckpointStore& store) {
  const auto loaded = store.load();
  if (!loaded) {
    return 0;
  }
  const std::int64_t epoch = loaded->checkpoint.counter("epoch");
  const Checkpoint expected = checkpoint_of(epoch);
  EXPECT_EQ(loaded->checkpoint.state, expected.state);
  EXPECT_EQ(loaded->checkpoint.counters, expected.counters);
  return epoch;
}

struct Slots {
  explicit Slots(const TestDirectory& directory)
      : a(directory / "checkpoint-A.safetensors"), b(directory / "checkpoint-B.safetensors") {}
  std::filesystem::path a;
  std::filesystem::path b;
};

TEST(Checkpoint, NewestIsLoadedAndTwoAreKept) {
  const TestDirectory directory;
  CheckpointStore store(directory / "child", "run-1", 7);
  EXPECT_EQ(loaded_epoch(store), 0);
  for (int epoch = 1; epoch <= 5; ++epoch) {
    // Every second save by a store that does not know the earlier ones.
    CheckpointStore other(directory / "child", "run-1", 7);
    (epoch % 2 == 0 ? other : store).save(checkpoint_of(epoch));
    CheckpointStore fresh(directory / "child", "run-1", 7);
    EXPECT_EQ(loaded_epoch(fresh), epoch);
    EXPECT_EQ(loaded_epoch(store), epoch);
  }
  EXPECT_TRUE(std::filesystem::exists(directory / "child/checkpoint-A.safetensors"));
  EXPECT_TRUE(std::filesystem::exists(directory / "child/checkpoint-B.safetensors"));
}

TEST(Checkpoint, MissingCounterIsNamed) {
  const Error error = error_of([] { checkpoint_of(1).counter("images"); });
  EXPECT_EQ(error.kind(), ErrorKind::bad_data);
  EXPECT_THAT(error.what(), HasSubstr("'images'"));
}

// The newer of two generations damaged in every way: the older one is taken, and the reason told.
TEST(Checkpoint, EveryDamageFallsBackToTheOtherGeneration) {
  const TestDirectory directory;
  const Slots slots(directory);
  CheckpointStore store(directory.path(), "run-1", 7);
  store.save(checkpoint_of(1));
  store.save(checkpoint_of(2));
  const Bytes whole = read_file(slots.b, 1 << 20);
  const auto expect_fallback = [&](const Bytes& damaged, const std::string& what) {
    put_bytes(slots.b, damaged);
    const auto loaded = store.load();
    ASSERT_TRUE(loaded) << what;
    EXPECT_EQ(loaded->checkpoint.counter("epoch"), 1) << what;
    EXPECT_EQ(loaded->path, slots.a);
    ASSERT_EQ(loaded->problems.size(), 1U) << what;
    EXPECT_THAT(loaded->problems[0], HasSubstr(slots.b.string()));
  };
  for (std::size_t i = 0; i < whole.size(); ++i) {
    for (const std::uint8_t flip : {0x01, 0x20, 0xFF}) {
      Bytes damaged = whole;
      damaged[i] ^= flip;
      expect_fallback(damaged, "byte " + std::to_string(i));
    }
  }
  for (std::size_t length = 0; length < whole.size(); ++length) {
    expect_fallback(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length)),
                    "length " + std::to_string(length));
  }
  Bytes longer = whole;
  longer.push_back(0);
  expect_fallback(longer, "longer");
  put_bytes(slots.b, whole);
  EXPECT_EQ(loaded_epoch(store), 2);
}

TEST(Checkpoint, NoneWholeIsAnError) {
  const TestDirectory directory;
  const Slots slots(directory);
  CheckpointStore store(directory.path(), "run-1", 7);
  store.save(checkpoint_of(1));
  store.save(checkpoint_of(2));
  put_bytes(slots.a, {1, 2, 3});
  put_bytes(slots.b, {});
  const Error error = error_of([&] { store.load(); });
  EXPECT_EQ(error.kind(), ErrorKind::bad_data);
  EXPECT_THAT(error.what(), HasSubstr(slots.a.string()));
  EXPECT_THAT(error.what(), HasSubstr(slots.b.string()));
}

// After a fallback the damaged generation is the one that is replaced.
TEST(Checkpoint, SavesOverTheDamagedGeneration) {
  const TestDirectory directory;
  const Slots slots(directory);
  CheckpointStore(directory.path(), "run-1", 7).save(checkpoint_of(1));
  CheckpointStore(directory.path(), "run-1", 7).save(checkpoint_of(2));
  put_bytes(slots.b, {1, 2, 3});
  const Bytes kept = read_file(slots.a, 1 << 20);
  CheckpointStore store(directory.path(), "run-1", 7);
  store.save(checkpoint_of(3));
  EXPECT_EQ(read_file(slots.a, 1 << 20), kept);
  EXPECT_EQ(loaded_epoch(store), 3);
}

TEST(Checkpoint, SwappedFilesMakeNoDifference) {
  const TestDirectory directory;
  const Slots slots(directory);
  CheckpointStore store(directory.path(), "run-1", 7);
  store.save(checkpoint_of(1));
  store.save(checkpoint_of(2));
  const Bytes a = read_file(slots.a, 1 << 20);
  const Bytes b = read_file(slots.b, 1 << 20);
  put_bytes(slots.a, b);
  put_bytes(slots.b, a);
  CheckpointStore swapped(directory.path(), "run-1", 7);
  EXPECT_EQ(loaded_epoch(swapped), 2);
  swapped.save(checkpoint_of(3));
  EXPECT_EQ(read_file(slots.a, 1 << 20), b);
  EXPECT_EQ(loaded_epoch(swapped), 3);
}

TEST(Checkpoint, AnotherRunOrTrialIsRefused) {
  const TestDirectory directory;
  const TestDirectory other;
  CheckpointStore store(directory.path(), "run-1", 7);
  store.save(checkpoint_of(1));
  CheckpointStore(other.path(), "run-2", 7).save(checkpoint_of(2));
  std::filesystem::copy_file(Slots(other).a, Slots(directory).b);
  for (const auto& [run, trial] : {std::pair("run-1", 7), std::pair("run-2", 7), std::pair("run-1", 8)}) {
    CheckpointStore mixed(directory.path(), run, trial);
    const Error on_load = error_of([&] { mixed.load(); });
    EXPECT_EQ(on_load.kind(), ErrorKind::bad_data);
    EXPECT_THAT(on_load.what(), HasSubstr("another child"));
    // Nor are they overwritten.
    EXPECT_EQ(error_of([&] { mixed.save(checkpoint_of(3)); }).kind(), ErrorKind::bad_data);
  }
  for (const char* id : {"", "..", "a/b", "a b", "\x1b[2J"}) {
    EXPECT_EQ(error_of([&] { CheckpointStore(directory.path(), id, 1); }).kind(), ErrorKind::usage) << id;
  }
}

// The disk fails at every call in turn: afterwards the newest generation is the old or the new one, whole.
TEST(Checkpoint, FailedSaveKeepsTheNewestGeneration) {
  int call = 1;
  for (bool passed = false; !passed; ++call) {
    const TestDirectory directory;
    CheckpointStore(directory.path(), "run-1", 7).save(checkpoint_of(1));
    CheckpointStore(directory.path(), "run-1", 7).save(checkpoint_of(2));
    FaultyFileOps ops(call, ENOSPC, false);
    CheckpointStore store(directory.path(), "run-1", 7, ops);
    bool threw = false;
    try {
      store.save(checkpoint_of(3));
    } catch (const Error& error) {
      threw = true;
      EXPECT_EQ(error.kind(), ErrorKind::io);
    }
    const std::int64_t epoch = loaded_epoch(store);
    EXPECT_TRUE(epoch == 3 || (threw && epoch == 2)) << "call " << call;
    store.save(checkpoint_of(4));
    EXPECT_EQ(loaded_epoch(store), 4);
    passed = !threw;
  }
  EXPECT_GT(call, 7);
}

TEST(Checkpoint, DivergedNumbersAreNotSaved) {
  const TestDirectory directory;
  CheckpointStore store(directory.path(), "run-1", 7);
  Checkpoint checkpoint = checkpoint_of(1);
  checkpoint.state.tensors["m"] = {StoredType::f32, {1}, {0, 0, 0xC0, 0x7F}};  // NaN
  const Error error = error_of([&] { store.save(checkpoint); });
  EXPECT_EQ(error.kind(), ErrorKind::bad_data);
  EXPECT_THAT(error.what(), HasSubstr("'m'"));
}

}  // namespace
}  // namespace bnas
