// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace bnas::cli {

std::string version();
/// Compiler, build type, sanitizers, backends, as name and value.
std::vector<std::pair<std::string, std::string>> build_options();
/// Libraries in use; versions of those linked dynamically are asked at run time.
std::vector<std::pair<std::string, std::string>> library_versions();
/// What --version prints.
std::string version_text(const std::string& program);

}  // namespace bnas::cli
