// SPDX-License-Identifier: Apache-2.0
// A surrogate as a file: what it was fitted to. Fits are deterministic, so fitting again gives the same predictions,
// on any device, and a file can be read that was written by another version or before the layout of weights changed.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bnas/nas/measured_rewards.hpp"
#include "bnas/nas/surrogate.hpp"
#include "bnas/nas/trial.hpp"

namespace bnas::nas {

struct SurrogateRecord {
  SurrogateConfig config;
  SpaceConfig space;
  std::vector<Genotype> cells;
  std::vector<double> rewards;
};

/// Everything measured before the first unfinished trial, and what came from an earlier run (see with_earlier());
/// diverged and failed trials have no reward and are left out.
SurrogateRecord record_surrogate(const SurrogateConfig& config, const SpaceConfig& space,
                                 const std::vector<Trial>& trials, const MeasuredRewards& earlier = {});

std::string to_json(const SurrogateRecord& record);
/// bad_data Error, opened by `name`, for text that is no such record, has another encoding of cells, or holds cells
/// outside its space. At most 1,000,000 cells.
SurrogateRecord parse_surrogate_record(std::string_view json, const std::string& name);

/// Throws a usage Error that names what differs unless a surrogate of `record` means the same in `space`: the same
/// operators in the same order, the same inputs and combination, and at least as many blocks as the record's cells
/// have.
void require_compatible(const SurrogateRecord& record, const SpaceConfig& space);

/// Fitted as recorded; `space` may have more blocks than the record's. Errors as require_compatible(); usage Error for
/// a record without cells.
std::unique_ptr<Surrogate> restore_surrogate(const SurrogateRecord& record, const SearchSpace& space, Device device);

}  // namespace bnas::nas
