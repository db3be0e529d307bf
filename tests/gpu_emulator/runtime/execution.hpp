// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "runtime/scheduler.hpp"

namespace bnas::emu {

struct Runtime;

/// Runs an operation and checks what it touches. Called by the scheduler, without the lock, by one thread at a time.
Scheduler::Outcome execute_operation(Runtime& rt, Operation& operation);

}  // namespace bnas::emu
