// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/network_builder.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "bnas/core/error.hpp"

namespace bnas::nas {
namespace {

constexpr int kMaxCells = 64;
constexpr int kMaxWidth = 4096;

void require(bool holds, const std::string& message) {
  if (!holds) {
    throw Error(ErrorKind::usage, message);
  }
}

/// Builds one network; holds what all its cells share.
class Builder {
 public:
  Builder(const SearchSpace& space, const OperationRegistry& registry, const NetworkConfig& config)
      : space_(space.config()),
        registry_(registry),
        config_(config),
        real_blocks_(space_.combine == Combine::add),
        plan_(config.height, config.width, config.channels, config.activation, config.norm_axis) {}

  NetworkPlan build(const Genotype& genotype) && {
    int previous = 0;
    if (space_.kind == SpaceKind::pnas) {
      previous = plan_.chain(
          {LayerSpec::conv(3, 3, width(0), config_.stem_stride), LayerSpec::of(LayerKind::batch_norm)}, 0, "stem");
    }
    int before = previous;
    for (int i = 0; i < config_.cells; ++i) {
      const int out = cell(genotype, i, previous, before);
      plan_.end_cell(out);
      before = previous;
      previous = out;
    }
    head(previous);
    return std::move(plan_).finish();
  }

 private:
  int stride(int cell) const {
    if (space_.kind == SpaceKind::flat) {
      return 2;
    }
    const bool reduces = cell > 0 && (cell == config_.cells / 3 || cell == 2 * config_.cells / 3);
    return reduces ? 2 : 1;
  }

  int width(int cell) const {
    if (config_.filters.size() > 1) {
      return config_.filters[static_cast<std::size_t>(cell)];
    }
    int filters = config_.filters[0];
    for (int i = 0; i <= cell; ++i) {
      filters *= stride(i);
    }
    return filters;
  }

  /// A cell input with the image size of the previous cell and, where blocks add, the cell's width.
  int adjust(int input, int previous, int filters, const std::string& name) {
    const bool larger = plan_.node(input).h != plan_.node(previous).h || plan_.node(input).w != plan_.node(previous).w;
    if (larger) {
      return factorized_reduction(input, filters, name);
    }
    if (!real_blocks_ || plan_.node(input).c == filters) {
      return input;
    }
    return plan_.chain(
        {LayerSpec::of(LayerKind::sign), LayerSpec::conv(1, 1, filters), LayerSpec::of(LayerKind::batch_norm)}, input,
        name);
  }

  /// Halves the image without losing every second pixel: two 1x1 convolutions of half the width with stride 2, one on
  /// the even grid, one shifted by a pixel (PNASNet).
  int factorized_reduction(int input, int filters, const std::string& name) {
    const int bits = plan_.append(LayerSpec::of(LayerKind::sign), {input}, name + ".sign");
    LayerSpec even = LayerSpec::conv(1, 1, filters - filters / 2, 2);
    LayerSpec odd = LayerSpec::conv(1, 1, filters / 2, 2);
    odd.shifted_grid = true;
    int joined = plan_.append(even, {bits}, name + ".even");
    if (odd.out_channels > 0) {
      joined = plan_.append(LayerSpec::of(LayerKind::concat), {joined, plan_.append(odd, {bits}, name + ".odd")},
                            name + ".concat");
    }
    return plan_.append(LayerSpec::of(LayerKind::batch_norm), {joined}, name + ".batch_norm");
  }

  int operation(int index, int input, int filters, int stride, const std::string& name) {
    const OperationSite site{plan_.node(input).c, filters, stride, !real_blocks_};
    const std::string& op = space_.operators[static_cast<std::size_t>(index)];
    const int out = plan_.chain(registry_.layers(op, site), input, name);
    const int c = plan_.node(out).c;
    require(!real_blocks_ || c == filters,
            fmt::format("operation '{}' gives {} channels where blocks add {}: its layers must end with `filters`", op,
                        c, filters));
    require(c <= kMaxWidth, fmt::format("operation '{}' would give {} channels, more than {}", op, c, kMaxWidth));
    return out;
  }

  int cell(const Genotype& genotype, int index, int previous, int before) {
    const std::string name = fmt::format("cell{}", index);
    const int filters = width(index);
    const bool uses_before = std::any_of(genotype.blocks.begin(), genotype.blocks.end(),
                                         [](const Block& b) { return b.in0 == -2 || b.in1 == -2; });
    const bool uses_previous = std::any_of(genotype.blocks.begin(), genotype.blocks.end(),
                                           [](const Block& b) { return b.in0 == -1 || b.in1 == -1; });
    const int in1 = uses_previous ? adjust(previous, previous, filters, name + ".in1") : previous;
    const int in2 = uses_before ? adjust(before, previous, filters, name + ".in2") : before;
    std::vector<int> blocks;
    const auto half = [&](int input, int op, const std::string& half_name) {
      const int source = input == -1 ? in1 : input == -2 ? in2 : blocks[static_cast<std::size_t>(input)];
      return operation(op, source, filters, input < 0 ? stride(index) : 1, half_name);
    };
    std::vector<int> outputs;  // flat: one per operation, in order; else one per block
    for (std::size_t b = 0; b < genotype.blocks.size(); ++b) {
      const Block& block = genotype.blocks[b];
      const std::string block_name = fmt::format("{}.block{}", name, b);
      const int a0 = half(block.in0, block.op0, block_name + ".a");
      const int a1 = half(block.in1, block.op1, block_name + ".b");
      const LayerKind join = real_blocks_ ? LayerKind::add : LayerKind::concat;
      if (space_.kind == SpaceKind::flat && !real_blocks_ && space_.look_forward == 0) {
        outputs.insert(outputs.end(), {a0, a1});
      } else {
        blocks.push_back(plan_.append(LayerSpec::of(join), {a0, a1}, block_name));
        outputs.push_back(blocks.back());
      }
    }
    return outputs.size() == 1 ? outputs[0] : plan_.append(LayerSpec::of(LayerKind::concat), outputs, name + ".out");
  }

  void head(int input) {
    const bool pnas = space_.kind == SpaceKind::pnas;
    int value = plan_.append(LayerSpec::of(pnas ? LayerKind::global_avg_pool : LayerKind::flatten), {input}, "head");
    for (std::size_t i = 0; i < config_.dense.size(); ++i) {
      const bool last = i + 1 == config_.dense.size();
      const std::string name = fmt::format("dense{}", i);
      LayerSpec dense = LayerSpec::of(pnas && last ? LayerKind::real_dense : LayerKind::dense);
      dense.out_channels = config_.dense[i];
      if (const float rate = i == 0 ? config_.dropout_input : config_.dropout_hidden; rate > 0.0F) {
        if (dense.kind == LayerKind::dense && plan_.node(value).value != ValueKind::binary) {
          value = plan_.append(LayerSpec::of(LayerKind::sign), {value}, name + ".input_sign");
        }
        value = plan_.append(LayerSpec::dropout(rate, config_.dropout_rescale), {value}, name + ".dropout");
      }
      value = plan_.append(dense, {value}, name);
      value = plan_.append(LayerSpec::of(LayerKind::batch_norm), {value}, name + ".batch_norm");
      if (!last) {
        value = plan_.append(LayerSpec::of(LayerKind::sign), {value}, name + ".sign");
      }
    }
  }

  const SpaceConfig& space_;
  const OperationRegistry& registry_;
  const NetworkConfig& config_;
  const bool real_blocks_;  // blocks add real numbers; else operations end in sign and are concatenated
  PlanBuilder plan_;
};

}  // namespace

void NetworkConfig::validate(SpaceKind kind) const {
  const auto in_range = [](const std::vector<int>& widths) {
    return std::all_of(widths.begin(), widths.end(), [](int w) { return w >= 1 && w <= kMaxWidth; });
  };
  require(cells >= 1 && cells <= kMaxCells, fmt::format("cells is {}, must be 1 to {}", cells, kMaxCells));
  require(!filters.empty() && in_range(filters), fmt::format("filters must be numbers from 1 to {}", kMaxWidth));
  const bool one_per_cell = filters.size() >= static_cast<std::size_t>(cells);
  require(one_per_cell || (kind == SpaceKind::pnas && filters.size() == 1),
          fmt::format("filters has {} entries for {} cells: give one per cell{}", filters.size(), cells,
                      kind == SpaceKind::pnas ? ", or one for the first cell" : ""));
  require(!dense.empty() && in_range(dense), fmt::format("dense must be numbers from 1 to {}", kMaxWidth));
  require(dense.back() == classes,
          fmt::format("dense ends with {}, but the data set has {} classes", dense.back(), classes));
  for (const float rate : {dropout_input, dropout_hidden}) {
    require(rate >= 0.0F && rate < 1.0F, fmt::format("dropout is {}, must be at least 0 and below 1", rate));
  }
  require(stem_stride >= 1 && stem_stride <= 4, fmt::format("stem_stride is {}, must be 1 to 4", stem_stride));
}

std::string NetworkConfig::text() const {
  return fmt::format("cells={} filters={} dense={} stem_stride={} activation={} norm={} dropout={},{}{}", cells,
                     fmt::join(filters, ","), fmt::join(dense, ","), stem_stride, activation_name(activation),
                     norm_axis == nn::NormAxis::row ? "row" : "channel", dropout_input, dropout_hidden,
                     dropout_rescale ? " rescaled" : "");
}

NetworkPlan build_network_plan(const SearchSpace& space, const Genotype& genotype, const OperationRegistry& registry,
                               const NetworkConfig& config) {
  config.validate(space.config().kind);
  return Builder(space, registry, config).build(genotype);
}

}  // namespace bnas::nas
