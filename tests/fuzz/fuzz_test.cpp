// SPDX-License-Identifier: Apache-2.0
// Damaged and hostile files: a reader accepts or throws bnas::Error; it never crashes, never throws anything else, and
// claims no memory that its file could not fill. The sanitizers see to the rest. BNAS_FUZZ_RUNS tries more of them.
#include <gtest/gtest.h>

#include <cstdlib>

#include "bnas/core/error.hpp"
#include "fuzz/allocation_limit.hpp"
#include "fuzz/mutations.hpp"
#include "fuzz/readers.hpp"

namespace bnas::fuzz {
namespace {

/// Samples are a few kilobytes; nothing made of them needs a larger piece than this.
constexpr std::size_t kLargestPiece = std::size_t{8} << 20U;

int runs() {
  const char* text = std::getenv("BNAS_FUZZ_RUNS");
  return text == nullptr ? 2000 : std::atoi(text);
}

class Fuzz : public testing::TestWithParam<Reader> {};

TEST_P(Fuzz, AcceptsItsSamples) {
  for (const Bytes& sample : GetParam().samples) {
    const AllocationLimit limit(kLargestPiece);
    EXPECT_NO_THROW(GetParam().read(sample));
  }
}

TEST_P(Fuzz, RefusesWithAnErrorWhatItCannotRead) {
  const Reader& reader = GetParam();
  int refused = 0;
  for (int run = 0; run < runs(); ++run) {
    const Bytes& sample = reader.samples[static_cast<std::size_t>(run) % reader.samples.size()];
    const Bytes bytes =
        mutated(sample, reader.words, RandomKey{1, static_cast<std::uint64_t>(run), RandomPurpose::sample});
    try {
      const AllocationLimit limit(kLargestPiece);
      reader.read(bytes);
    } catch (const Error& error) {
      ++refused;
      EXPECT_STRNE(error.what(), "");
      EXPECT_NE(error.kind(), ErrorKind::internal) << "run " << run << ": " << error.what();
    } catch (const OverAllocation& claim) {
      ADD_FAILURE() << "run " << run << " of " << bytes.size() << " bytes claims " << claim.bytes;
    } catch (const std::exception& other) {
      ADD_FAILURE() << "run " << run << ": " << other.what();
    }
  }
  EXPECT_GT(refused, 0);
}

INSTANTIATE_TEST_SUITE_P(Readers, Fuzz, testing::ValuesIn(readers()), [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace bnas::fuzz
