// SPDX-License-Identifier: Apache-2.0
#include "fuzz/mutations.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace bnas::fuzz {
namespace {

/// A file, and where its changes come from.
class Mutation {
 public:
  Mutation(Bytes bytes, const std::vector<std::string>& words, const RandomKey& key)
      : bytes_(std::move(bytes)), words_(words), key_(key) {}

  void change() {
    switch (below(8)) {
      case 0:
        return flip_bit();
      case 1:
        return set_byte();
      case 2:
        return set_integer();
      case 3:
        return truncate();
      case 4:
        return erase();
      case 5:
        return copy_piece();
      case 6:
        return insert_word();
      default:
        return append();
    }
  }
  std::uint32_t below(std::uint64_t n) { return key_.below(next_++, static_cast<std::uint32_t>(n)); }
  Bytes take() { return std::move(bytes_); }

 private:
  std::size_t place() { return below(bytes_.size() + 1); }
  auto at(std::size_t i) { return bytes_.begin() + static_cast<std::ptrdiff_t>(i); }

  void flip_bit() {
    if (!bytes_.empty()) {
      bytes_[below(bytes_.size())] ^= static_cast<std::uint8_t>(1U << below(8));
    }
  }
  void set_byte() {
    if (!bytes_.empty()) {
      bytes_[below(bytes_.size())] = static_cast<std::uint8_t>(below(256));
    }
  }
  /// Sizes and offsets as an attacker would write them, in either byte order.
  void set_integer() {
    constexpr std::array<std::uint64_t, 10> kValues{
        0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFF'FFFF, 0xFFFF'FFFF, 0x7FFF'FFFF'FFFF'FFFF, 0xFFFF'FFFF'FFFF'FFFF};
    const std::uint64_t value = kValues[below(kValues.size())];
    const std::size_t width = std::size_t{1} << below(4);
    if (bytes_.size() < width) {
      return;
    }
    std::array<std::uint8_t, 8> raw{};
    std::memcpy(raw.data(), &value, sizeof value);
    if (below(2) == 1) {
      std::reverse(raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(width));
    }
    std::memcpy(bytes_.data() + below(bytes_.size() - width + 1), raw.data(), width);
  }
  void truncate() { bytes_.resize(place()); }
  void erase() {
    const std::size_t begin = place();
    const std::size_t size = std::min<std::size_t>(bytes_.size() - begin, below(32));
    bytes_.erase(at(begin), at(begin + size));
  }
  void copy_piece() {
    const std::size_t begin = place();
    const std::size_t size = std::min<std::size_t>(bytes_.size() - begin, below(256));
    const Bytes piece(at(begin), at(begin + size));
    bytes_.insert(at(place()), piece.begin(), piece.end());
  }
  void insert_word() {
    if (!words_.empty()) {
      const std::string& word = words_[below(words_.size())];
      bytes_.insert(at(place()), word.begin(), word.end());
    }
  }
  void append() {
    for (std::uint32_t left = below(16); left > 0; --left) {
      bytes_.push_back(static_cast<std::uint8_t>(below(256)));
    }
  }

  Bytes bytes_;
  const std::vector<std::string>& words_;
  RandomKey key_;
  std::uint64_t next_ = 0;
};

}  // namespace

Bytes mutated(const Bytes& sample, const std::vector<std::string>& words, const RandomKey& key) {
  Mutation mutation(sample, words, key);
  for (std::uint32_t left = 1 + mutation.below(4); left > 0; --left) {
    mutation.change();
  }
  return mutation.take();
}

}  // namespace bnas::fuzz
