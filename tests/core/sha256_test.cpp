// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/io/sha256.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace bnas {
namespace {

std::string digest_of(std::string_view text) {
  Sha256 digest;
  digest.update(text);
  return digest.hex();
}

// NIST's examples for FIPS 180-4.
TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(digest_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(digest_of(std::string(1'000'000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

// Lengths around the block of 64 and the padding's limit of 56, cut at every place.
TEST(Sha256, PiecesDoNotMatter) {
  for (const std::size_t length : {1U, 55U, 56U, 57U, 63U, 64U, 65U, 119U, 120U, 128U, 200U}) {
    std::string text;
    for (std::size_t i = 0; i < length; ++i) {
      text += static_cast<char>('A' + i % 57);
    }
    const std::string whole = digest_of(text);
    for (std::size_t cut = 0; cut <= length; ++cut) {
      Sha256 digest;
      digest.update(std::string_view(text).substr(0, cut));
      digest.update(std::string_view(text).substr(cut));
      EXPECT_EQ(digest.hex(), whole) << length << " cut at " << cut;
    }
  }
}

}  // namespace
}  // namespace bnas
