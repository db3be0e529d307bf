// SPDX-License-Identifier: Apache-2.0
// Core knows no search.
#include "bnas/nas/genotype.hpp"
