// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "bnas/nas/trial.hpp"

namespace bnas::nas {

/// What children are to do, apart from the device that does it.
class ChildTask {
 public:
  virtual ~ChildTask() = default;
  /// Data, recipe and version in one line: results with other fingerprints are not comparable.
  virtual std::string fingerprint() const = 0;
  /// Sizes and multiply counts without training.
  virtual NetworkCost cost(const Genotype& genotype) const = 0;
  /// Bytes of a device that training it takes at most.
  virtual std::uint64_t memory(const Genotype& genotype) const = 0;
};

}  // namespace bnas::nas
