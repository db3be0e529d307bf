// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bnas/core/device.hpp"
#include "bnas/nas/search_space.hpp"

namespace bnas::nas {

/// Mean and spread (standard deviation over the members of an ensemble or blend, 0 for one model) of a predicted
/// reward.
struct Prediction {
  double mean = 0.0;
  double spread = 0.0;
};

/// Learns rewards of cells from their tokens (SearchSpace::tokens). Deterministic in its seed.
/// Not thread-safe.
class Surrogate {
 public:
  virtual ~Surrogate() = default;
  /// "lstm", "mlp-ensemble", ...
  virtual std::string name() const = 0;
  /// Forgets and fits all `tokens` (of any lengths, 4 per block) to `rewards` in [0, 1], from scratch. internal Error
  /// for tokens outside the space and for other rewards, NaN among them: leave diverged trials out.
  virtual void fit(std::span<const std::vector<std::int32_t>> tokens, std::span<const double> rewards) = 0;
  /// Batched; the order of results is the order of `tokens`. A cell's prediction does not depend on the others.
  virtual std::vector<Prediction> predict(std::span<const std::vector<std::int32_t>> tokens) const = 0;
};

enum class SurrogateLoss : std::uint8_t {
  l1,
  mse,
  pairwise,  ///< of pairs of cells with equally many blocks; predictions then rank, but are not calibrated
};

/// The neural ones are those of Progressive NAS (Liu et al. 2018), section 4, with its settings as far as known:
/// `epochs` is ours. A Gaussian process has no settings but the seed.
struct SurrogateConfig {
  /// blend (ridge, gp and mlp-ensemble), gp, lstm, mlp, lstm-ensemble, mlp-ensemble, ridge
  std::string kind = "blend";
  SurrogateLoss loss = SurrogateLoss::l1;
  int embedding = 100;
  int hidden = 100;
  int epochs = 50;
  double lr_first = 0.01;       ///< when all cells have one block
  double lr = 0.002;            ///< afterwards
  double regularization = 0.0;  ///< L2: adds this times each weight to its gradient; ridge: its lambda
  int members = 5;              ///< of an ensemble, each fitted to another (members-1)/members of the data
  std::uint64_t seed = 0;
};

/// usage Error for an unknown kind, with the nearest name, and for settings out of range.
std::unique_ptr<Surrogate> make_surrogate(const SurrogateConfig& config, const SearchSpace& space, Device device);

}  // namespace bnas::nas
