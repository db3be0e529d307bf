// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/event_file.hpp"

#include <gtest/gtest.h>

namespace bnas::nas {
namespace {

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out += {kDigits[byte >> 4U], kDigits[byte & 15U]};
  }
  return out;
}

// Checksums of RFC 3720, appendix B.4, and of the CRC catalogue.
TEST(EventFile, ChecksumIsCastagnolis) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(EventFile, BeginsWithTheVersion) {
  const std::string bytes = EventFile().bytes();
  // length 24; the event: wall_time 0, file_version of 13 bytes
  EXPECT_EQ(hex(bytes.substr(0, 8)), "1800000000000000");
  EXPECT_EQ(bytes.substr(12, 24), std::string("\x09\0\0\0\0\0\0\0\0\x1A\x0D", 11) + "brain.Event:2");
  EXPECT_EQ(bytes.size(), 8U + 4 + 24 + 4);
  // Every such file of TensorFlow begins with these checksums' formula: rotate right by 15, add 0xA282EAD8.
  const std::uint32_t crc = crc32c(bytes.substr(0, 8));
  const std::uint32_t masked = ((crc >> 15U) | (crc << 17U)) + 0xA282EAD8U;
  std::string stored;
  for (int i = 0; i < 4; ++i) {
    stored += static_cast<char>((masked >> (8 * i)) & 0xFFU);
  }
  EXPECT_EQ(bytes.substr(8, 4), stored);
}

TEST(EventFile, AScalarIsAnEventOfOneValue) {
  EventFile file;
  const std::size_t start = file.bytes().size();
  file.scalar("ab", 300, 0.5);
  const std::string event = file.bytes().substr(start + 12, file.bytes().size() - start - 16);
  // wall_time 300.0; step 300; summary of 11 bytes { value of 9 bytes { tag "ab", simple_value 0.5f } }
  EXPECT_EQ(hex(event),
            "090000000000c07240"
            "10ac02"
            "2a0b"
            "0a09"
            "0a026162"
            "150000003f");
}

}  // namespace
}  // namespace bnas::nas
