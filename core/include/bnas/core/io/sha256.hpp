// SPDX-License-Identifier: Apache-2.0
// SHA-256 (FIPS 180-4): the digest of checkpoints, data sets and splits.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace bnas {

/// A digest fed piece by piece; the pieces' borders do not matter.
class Sha256 {
 public:
  static constexpr std::size_t kHexDigits = 64;

  void update(std::span<const std::uint8_t> data);
  void update(std::string_view text);
  /// Eight bytes, little end first.
  void update_number(std::uint64_t number);
  /// 64 lower-case hexadecimal digits of everything fed so far; the object may be fed further.
  std::string hex() const;

 private:
  void compress(const std::uint8_t* block);

  std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::uint8_t, 64> block_{};
  std::uint64_t bytes_ = 0;
};

std::string sha256_hex(std::span<const std::uint8_t> data);

}  // namespace bnas
