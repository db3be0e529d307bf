// SPDX-License-Identifier: Apache-2.0
// Every reader of files that somebody else may have made, behind one signature.
#pragma once

#include <functional>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "bnas/core/io/file.hpp"

namespace bnas::fuzz {

struct Reader {
  std::string name;
  std::vector<Bytes> samples;           ///< files that it accepts
  std::vector<std::string> words = {};  ///< of its format, for mutations
  /// Reads; throws bnas::Error where it refuses.
  std::function<void(std::span<const std::uint8_t>)> read;
};

inline void PrintTo(const Reader& reader, std::ostream* out) { *out << reader.name; }

/// The order is fixed; samples are made, not read from anywhere.
const std::vector<Reader>& readers();

}  // namespace bnas::fuzz
