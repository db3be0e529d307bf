// SPDX-License-Identifier: Apache-2.0
// The kernel library knows no tensor of core.
#include "bnas/core/tensor.hpp"
