// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/core/backend.hpp"

namespace bnas::cpu {

/// The CPU backend: work runs on the caller's thread, in the order issued.
Backend& backend();

}  // namespace bnas::cpu
