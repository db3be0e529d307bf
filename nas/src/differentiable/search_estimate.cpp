// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>

#include "bnas/core/backend.hpp"
#include "bnas/nas/differentiable/differentiable_search.hpp"
#include "differentiable/search_network.hpp"

namespace bnas::nas {
namespace {

constexpr std::int64_t kFew = 4, kMore = 12;  // images of a probing step

/// Seconds for an image, and memory of a step as a line over the images in its batch.
struct StepCosts {
  double weights = 0.0, architecture = 0.0, forward = 0.0;
  double fixed_bytes = 0.0, image_bytes = 0.0;

  double bytes(double batch) const { return fixed_bytes + batch * image_bytes; }
};

Tensor made_up_images(Stream& stream, const Shape& shape) {
  const RandomKey key{1, 0, RandomPurpose::synthetic};
  std::vector<float> pixels(static_cast<std::size_t>(shape.numel()));
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    pixels[i] = 2.0F * key.uniform(i) - 1.0F;
  }
  return Tensor::from_host(stream, shape, std::span<const float>(pixels));
}

/// Times the steps of a fresh network, in a stream of its own, whose peak is theirs.
class Probe {
 public:
  Probe(const Device& device, const SupernetConfig& network, const DifferentiableConfig& config, const Shape& image,
        bool single_path)
      : stream_(backend_for(device).make_stream()),
        network_(*stream_, network, config, {1, 0, RandomPurpose::init}),
        image_(image),
        values_(step_tensor(*stream_, {.lr = 1e-6F, .bias_correction = 1.0})) {
    if (single_path) {  // each operation about equally often
      Selection path;
      const std::size_t operations = candidates(network.style.operations).size();
      for (std::size_t edge = 0; edge < kCellEdges; ++edge) {
        path[0][edge] = static_cast<int>(edge % operations);
        path[1][edge] = static_cast<int>((edge + operations / 2) % operations);
      }
      network_.set_alive(path);
    }
  }

  StepCosts costs(bool architecture) {
    StepCosts out;
    seconds(kFew, architecture, out);
    const auto few = static_cast<double>(stream_->memory().peak);
    seconds(kMore, architecture, out);  // its memory is new, which takes time
    const auto more = static_cast<double>(stream_->memory().peak);
    seconds(kMore, architecture, out);
    out.image_bytes = (more - few) / static_cast<double>(kMore - kFew);
    out.fixed_bytes = std::max(0.0, few - out.image_bytes * static_cast<double>(kFew));
    return out;
  }

 private:
  void seconds(std::int64_t count, bool architecture, StepCosts& out) {
    const Tensor images = made_up_images(*stream_, {count, image_[0], image_[1], image_[2]});
    const std::vector<std::int32_t> zeros(static_cast<std::size_t>(count));
    const Tensor labels = Tensor::from_host(*stream_, {count}, std::span<const std::int32_t>(zeros));
    const auto time = [&](auto work) {
      stream_->synchronize();
      const auto start = std::chrono::steady_clock::now();
      work();
      stream_->synchronize();
      return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() /
             static_cast<double>(count);
    };
    if (architecture) {
      out.architecture = time([&] { network_.architecture_step(images, labels, values_, 0.0F); });
    }
    out.weights = time([&] { network_.weight_step(images, labels, values_); });
    out.forward = time([&] { network_.recalibrate(images, values_); });
  }

  std::unique_ptr<Stream> stream_;
  SearchNetwork network_;
  Shape image_;
  Tensor values_;
};

}  // namespace

SearchEstimate DifferentiableSearch::estimate() const {
  const Shape& all = train_.images.shape();
  const Shape image{all[1], all[2], all[3]};
  const std::int64_t half = train_.labels.numel() / 2;
  const auto images = static_cast<double>(half);
  const auto validated = static_cast<double>(valid_.labels.numel());
  const auto operations = static_cast<int>(candidates(config_.network.style.operations).size());
  SearchEstimate out;
  const bool has_parent = config_.reduces && config_.score.method == ScoreMethod::parent_child;
  for (const bool parent : {false, true}) {
    if (parent && !has_parent) {
      continue;
    }
    const SupernetConfig network = parent ? config_.network.real_twin() : config_.network;
    const StepCosts whole = Probe(stream_->device(), network, config_, image, false).costs(true);
    double seconds = (images * whole.weights + validated * whole.forward) * config_.warmup_epochs +
                     images * whole.architecture * (config_.warmup_epochs - config_.frozen_epochs);
    double bytes = whole.bytes(config_.batch_size);
    if (config_.reduces) {
      const StepCosts path = Probe(stream_->device(), network, config_, image, true).costs(true);
      const auto reduction = Reduction::make(config_.reduction, operations);
      const double settled = std::min(
          images, static_cast<double>(config_.recalibration_batches) * static_cast<double>(config_.trial_batch_size));
      const double trial = images * path.weights + (settled + validated) * path.forward;
      const double least = images * (path.weights + path.architecture) + validated * path.forward;
      const double most = images * (whole.weights + whole.architecture) + validated * whole.forward;
      for (int left = operations; left > 1; --left) {
        const double share = static_cast<double>(left - 2) / static_cast<double>(operations - 1);  // after the removal
        seconds += reduction->planned_trials(left) * trial + config_.refresh_epochs * (least + share * (most - least));
      }
      bytes = std::max(bytes, path.bytes(config_.trial_batch_size));
    }
    out.seconds += seconds;
    out.bytes = std::max(out.bytes, bytes) + (parent ? whole.fixed_bytes : 0.0);
  }
  return out;
}

}  // namespace bnas::nas
