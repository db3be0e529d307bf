// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/nas/cell_model.hpp"
#include "bnas/nas/surrogate.hpp"

namespace bnas::nas {

/// One network on its own stream: fits it with Adam and scores cells.
class CellRegressor {
 public:
  /// `member` keys its random numbers.
  CellRegressor(const SurrogateConfig& config, const CellModelSize& size, bool lstm, Device device,
                std::uint64_t member);

  /// Mini-batches of up to 32 cells with equally many blocks (so that nothing is padded), in an order that is drawn
  /// anew for each epoch from the seed alone.
  void fit(std::span<const std::vector<std::int32_t>> tokens, std::span<const double> rewards);
  /// Probabilities, one per cell.
  std::vector<double> predict(std::span<const std::vector<std::int32_t>> tokens) const;

 private:
  void step(std::span<const std::vector<std::int32_t>> tokens, std::span<const double> rewards,
            std::span<const std::size_t> batch);

  SurrogateConfig config_;
  CellModelSize size_;
  bool lstm_;
  RandomKey key_;
  std::unique_ptr<Stream> stream_;  // before what lives on it
  std::unique_ptr<CellModel> model_;
};

/// A network, or `members` of them whose mean and standard deviation are the prediction. Member k is fitted to all
/// cells but those of fold k of a seeded partition into as many folds.
std::unique_ptr<Surrogate> make_neural_surrogate(const SurrogateConfig& config, const SearchSpace& space,
                                                 Device device);

}  // namespace bnas::nas
