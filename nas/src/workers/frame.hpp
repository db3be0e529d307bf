// SPDX-License-Identifier: Apache-2.0
// Messages between a supervisor and its workers: JSON objects behind a header of 8 bytes, over a stream socket.
#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace bnas::nas {

using Json = nlohmann::json;

/// A longer frame is not one of ours.
inline constexpr std::size_t kMaxFrameBytes = std::size_t{16} << 20;

/// Sends one frame whole. False when the other side has left, or takes nothing for the socket's time limit.
bool send_frame(int socket, const Json& message);

/// Cuts what arrives into frames. Never holds more than one frame and what one read brings.
class FrameReader {
 public:
  explicit FrameReader(int socket) : socket_(socket) {}

  /// Waits for bytes and takes what is there; false at the end of the stream.
  bool fill();
  /// The next whole frame, if there is one. internal Error for bytes that no bnas of this version sent.
  std::optional<Json> next();

 private:
  int socket_;
  std::string buffer_;
};

}  // namespace bnas::nas
