// SPDX-License-Identifier: Apache-2.0
#include "workers/frame.hpp"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "bnas/core/error.hpp"

namespace bnas::nas {
namespace {

constexpr std::string_view kMagic = "bnw1";  // the last letter is the version
constexpr std::size_t kHeaderBytes = 8;      // magic, then the length of the text, little-endian

}  // namespace

bool send_frame(int socket, const Json& message) {
  const std::string text = message.dump(-1, ' ', false, Json::error_handler_t::replace);
  check(text.size() <= kMaxFrameBytes, "send_frame", "a message is longer than a frame may be");
  std::string bytes(kMagic);
  for (int shift = 0; shift < 32; shift += 8) {
    bytes += static_cast<char>((text.size() >> shift) & 0xFF);
  }
  bytes += text;
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t n = ::send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) {
      continue;
    }
    if (n <= 0) {
      return false;
    }
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

bool FrameReader::fill() {
  std::array<char, 65536> bytes;
  ssize_t n = 0;
  do {
    n = ::recv(socket_, bytes.data(), bytes.size(), 0);
  } while (n < 0 && errno == EINTR);
  if (n <= 0) {
    return false;
  }
  buffer_.append(bytes.data(), static_cast<std::size_t>(n));
  return true;
}

std::optional<Json> FrameReader::next() {
  if (buffer_.size() < kHeaderBytes) {
    return std::nullopt;
  }
  std::size_t length = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    length |= std::size_t{static_cast<std::uint8_t>(buffer_[4 + i])} << (8 * i);
  }
  check(std::string_view(buffer_).starts_with(kMagic) && length <= kMaxFrameBytes, "worker",
        "received bytes that are no frame of this version");
  if (buffer_.size() < kHeaderBytes + length) {
    return std::nullopt;
  }
  Json message = Json::parse(buffer_.begin() + kHeaderBytes,
                             buffer_.begin() + static_cast<std::ptrdiff_t>(kHeaderBytes + length), nullptr, false);
  buffer_.erase(0, kHeaderBytes + length);
  check(message.is_object() && message.contains("type") && message["type"].is_string(), "worker",
        "received a frame that is no message");
  return message;
}

}  // namespace bnas::nas
