// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/arguments.hpp"

namespace bnas::cli {

/// Each runs one command of bnas_search and returns its exit code.
int run_search_command(const SearchArguments& arguments);
int run_resume_command(const SearchArguments& arguments);
int run_status_command(const SearchArguments& arguments);
int run_compare_command(const SearchArguments& arguments);
int run_dry_run(const Config& config, bool json);

/// The first argument of a worker process, which bnas_search starts from itself; not for people.
inline constexpr const char* kWorkerCommand = "worker";
int run_worker_command();

}  // namespace bnas::cli
