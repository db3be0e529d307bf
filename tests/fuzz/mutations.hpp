// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "bnas/core/io/file.hpp"
#include "bnas/portable/philox.hpp"

namespace bnas::fuzz {

/// A file that is no longer quite the sample: a few changes (bits, bytes, sizes, pieces lost, doubled, moved, or put in
/// from `words`), all of them functions of `key`.
Bytes mutated(const Bytes& sample, const std::vector<std::string>& words, const RandomKey& key);

}  // namespace bnas::fuzz
