// SPDX-License-Identifier: Apache-2.0
// A search names no device: what is inside a backend is core's own.
#include "backend/cpu/register.hpp"
