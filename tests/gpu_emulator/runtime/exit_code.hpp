// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace bnas::emu {

/// Exit code of a program in which a checker found something.
constexpr int kFoundExitCode = 99;

}  // namespace bnas::emu
