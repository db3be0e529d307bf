// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/event_file.hpp"

#include <array>
#include <bit>

namespace bnas::nas {
namespace {

constexpr std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1U) ^ ((crc & 1U) != 0 ? 0x82F63B78U : 0U);
    }
    table[i] = crc;
  }
  return table;
}

template <class T>
std::string little_endian(T value) {
  std::string bytes;
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    bytes += static_cast<char>((value >> (8 * i)) & 0xFFU);
  }
  return bytes;
}

// Protocol buffers: a key is field number * 8 + wire type; 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80U; value >>= 7U) {
    bytes += static_cast<char>(0x80U | (value & 0x7FU));
  }
  return bytes + static_cast<char>(value);
}

std::string text_field(char key, std::string_view text) { return key + varint(text.size()) + std::string(text); }

/// Event.wall_time = 1, a double.
std::string wall_time(double seconds) { return '\x09' + little_endian(std::bit_cast<std::uint64_t>(seconds)); }

/// What TFRecord stores of a checksum, so that checksums of data that hold checksums stay good.
std::uint32_t masked(std::uint32_t crc) { return std::rotr(crc, 15) + 0xA282EAD8U; }

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static constexpr auto kTable = make_crc_table();
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char byte : bytes) {
    crc = kTable[(crc ^ static_cast<std::uint8_t>(byte)) & 0xFFU] ^ (crc >> 8U);
  }
  return crc ^ 0xFFFFFFFFU;
}

EventFile::EventFile() {
  record(wall_time(0.0) + text_field('\x1A', "brain.Event:2"));  // Event.file_version = 3
}

void EventFile::scalar(std::string_view tag, std::int64_t step, double value) {
  // Summary.value = 1 { tag = 1, simple_value = 2 }; Event.step = 2, Event.summary = 5
  const std::string point =
      text_field('\x0A', tag) + '\x15' + little_endian(std::bit_cast<std::uint32_t>(static_cast<float>(value)));
  record(wall_time(static_cast<double>(step)) + '\x10' + varint(static_cast<std::uint64_t>(step)) +
         text_field('\x2A', text_field('\x0A', point)));
}

void EventFile::record(const std::string& event) {
  const std::string length = little_endian(static_cast<std::uint64_t>(event.size()));
  bytes_ += length + little_endian(masked(crc32c(length))) + event + little_endian(masked(crc32c(event)));
}

}  // namespace bnas::nas
