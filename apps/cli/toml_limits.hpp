// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace bnas::cli {

/// Refuses text that would make a TOML parser recurse deeply: brackets nested, or keys dotted, more than 16 deep. A
/// usage Error names the line. Everything else about the syntax is the parser's business.
void check_toml_limits(std::string_view text, const std::string& name);

}  // namespace bnas::cli
