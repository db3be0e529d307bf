// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bnas::nas {

/// Scalars in the format of TensorBoard's event files (records of TFRecord that hold Event messages), in memory. The
/// same calls give the same bytes: an event's wall time is its step, in seconds.
class EventFile {
 public:
  EventFile();  ///< begins with the version event that readers expect
  void scalar(std::string_view tag, std::int64_t step, double value);
  const std::string& bytes() const { return bytes_; }

 private:
  void record(const std::string& event);

  std::string bytes_;
};

/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), the checksum of TFRecord before masking.
std::uint32_t crc32c(std::string_view bytes);

}  // namespace bnas::nas
