// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "bnas/core/io/file.hpp"

namespace bnas::cli {

/// Bytes so far, called a few times per second.
using DownloadProgress = std::function<void(std::uint64_t bytes)>;

/// The content at `url` (https, http or file), at most `max_bytes` long. Follows redirections, but none from https to
/// http. Gives up when nothing has come for 30 seconds. A `missing` Error says why it could not be had.
Bytes download(const std::string& url, std::uint64_t max_bytes, const DownloadProgress& progress);

}  // namespace bnas::cli
