// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <string_view>
#include <vector>

#include "bnas/core/error.hpp"

namespace bnas::nas {

/// The position of `name` in `names`, or a `usage` Error: "unknown <what> 'x': did you mean 'y'? expected a, b".
inline std::size_t find_name(const char* what, std::string_view name, const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) {
      return i;
    }
  }
  const std::string shown(name.substr(0, 64));  // of untrusted text
  const std::string nearest = nearest_name(shown, names.data(), names.data() + names.size());
  throw Error(ErrorKind::usage,
              fmt::format("unknown {} '{}': {}expected {}", what, shown,
                          nearest.empty() ? "" : "did you mean '" + nearest + "'? ", fmt::join(names, ", ")));
}

}  // namespace bnas::nas
