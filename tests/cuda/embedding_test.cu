// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/embedding.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "cuda/support/device_buffer.hpp"
#include "cuda/support/random_values.hpp"
#include "support/declared_oracle.hpp"

namespace bnas::cuda::test {
namespace {

const bool kDeclared = testing_support::declare_oracle("Embedding", "host loops, equal");

using Floats = std::vector<float>;
using Ints = std::vector<std::int32_t>;

struct Sizes {
  int vocabulary, width, n;
};

// One; nothing; repeated ids; rows around the 128 threads of a block of backward; many ids for few rows.
const Sizes kSizes[] = {{1, 1, 1},   {3, 2, 0},   {4, 31, 33}, {2, 127, 3},
                        {2, 128, 3}, {5, 129, 7}, {3, 300, 2}, {2, 4, 500}};

Ints ids_of(const Sizes& s) {
  const RandomKey key{3, 1, RandomPurpose::sample};
  Ints ids;
  for (int i = 0; i < s.n; ++i) {
    ids.push_back(
        static_cast<std::int32_t>(key.below(static_cast<std::uint64_t>(i), static_cast<std::uint32_t>(s.vocabulary))));
  }
  return ids;
}

std::size_t product(int a, int b) { return static_cast<std::size_t>(a) * static_cast<std::size_t>(b); }

TEST(Embedding, LooksUpRows) {
  const TestStream stream;
  for (const Sizes& s : kSizes) {
    const Floats table = random_floats(product(s.vocabulary, s.width), 1);
    const Ints ids = ids_of(s);
    const auto d_table = DeviceBuffer<float>::input(table);
    const auto d_ids = DeviceBuffer<std::int32_t>::input(ids);
    const auto y = DeviceBuffer<float>::output(product(s.n, s.width));
    capture_and_replay(stream, 2, [&](cudaStream_t to) {
      return embedding(d_table.data(), s.vocabulary, s.width, d_ids.data(), s.n, y.data(), nullptr, to);
    });
    Floats want;
    for (const std::int32_t id : ids) {
      for (int i = 0; i < s.width; ++i) {
        want.push_back(table[product(id, s.width) + static_cast<std::size_t>(i)]);
      }
    }
    EXPECT_EQ(y.download(), want) << s.vocabulary << " x " << s.width;
  }
}

TEST(Embedding, BackwardAddsInOrder) {
  const TestStream stream;
  for (const Sizes& s : kSizes) {
    const Floats dy = random_floats(product(s.n, s.width), 2);
    const Floats before = random_floats(product(s.vocabulary, s.width), 3);
    const Ints ids = ids_of(s);
    const auto d_dy = DeviceBuffer<float>::input(dy);
    const auto d_ids = DeviceBuffer<std::int32_t>::input(ids);
    auto dtable = DeviceBuffer<float>::output(before.size());
    const auto add = [&](bool accumulate) {
      return [&, accumulate](cudaStream_t to) {
        return embedding_backward(d_dy.data(), d_ids.data(), s.n, s.vocabulary, s.width, dtable.data(), accumulate,
                                  nullptr, to);
      };
    };
    const auto added_to = [&](Floats sums) {
      for (std::size_t i = 0; i < dy.size(); ++i) {
        const auto width = static_cast<std::size_t>(s.width);
        sums[product(ids[i / width], s.width) + i % width] += dy[i];
      }
      return sums;
    };
    capture_and_replay(stream, 2, add(false));
    EXPECT_EQ(dtable.download(), added_to(Floats(before.size()))) << s.vocabulary << " x " << s.width;
    dtable.upload(before);
    require_ok(add(true)(stream.get()));
    stream.synchronize();
    EXPECT_EQ(dtable.download(), added_to(before)) << s.vocabulary << " x " << s.width;
  }
}

void expect_error(const DeviceBuffer<DeviceError>& error, int position, int value) {
  const DeviceError got = error.download()[0];
  EXPECT_EQ(got.op, IndexCheck::embedding);
  EXPECT_EQ(got.position, position);
  EXPECT_EQ(got.value, value);
  EXPECT_EQ(got.limit, 2);
}

TEST(Embedding, NotesIdsOutsideTheTable) {
  const TestStream stream;
  const auto table = DeviceBuffer<float>::input({1, 2, 3, 4});
  const auto dy = DeviceBuffer<float>::input({1, 2, 3, 4, 5, 6});
  for (const std::int32_t bad : {-1, 2}) {
    const auto ids = DeviceBuffer<std::int32_t>::input({1, bad, 0});
    const auto y = DeviceBuffer<float>::output(6), dtable = DeviceBuffer<float>::output(4);
    auto error = DeviceBuffer<DeviceError>::output(1);
    error.upload({DeviceError{}});
    require_ok(embedding(table.data(), 2, 2, ids.data(), 3, y.data(), error.data(), stream.get()));
    stream.synchronize();
    EXPECT_EQ(y.download(), (Floats{3, 4, 0, 0, 1, 2}));
    expect_error(error, 1, bad);
    error.upload({DeviceError{}});
    require_ok(embedding_backward(dy.data(), ids.data(), 3, 2, 2, dtable.data(), false, error.data(), stream.get()));
    stream.synchronize();
    EXPECT_EQ(dtable.download(), (Floats{5, 6, 1, 2}));
    expect_error(error, 1, bad);
  }
}

TEST(Embedding, RefusesNullAndNegative) {
  const TestStream stream;
  const auto memory = DeviceBuffer<float>::output(4);
  EXPECT_EQ(embedding(memory.data(), 2, 2, nullptr, 1, memory.data(), nullptr, stream.get()).code,
            StatusCode::invalid_argument);
  EXPECT_EQ(embedding_backward(memory.data(), nullptr, -1, 2, 2, memory.data(), false, nullptr, stream.get()).code,
            StatusCode::invalid_argument);
}

}  // namespace
}  // namespace bnas::cuda::test
