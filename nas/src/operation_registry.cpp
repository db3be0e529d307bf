// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/operation_registry.hpp"

#include <algorithm>

#include "bnas/core/error.hpp"

namespace bnas::nas {
namespace {

/// Adds batch norm and sign as the space wants them around a binary convolution `core`:
/// flat: core, batch norm, sign; pnas: sign, core, batch norm.
std::vector<LayerSpec> binary_unit(const OperationSite& site, LayerSpec core) {
  const auto norm = LayerSpec::of(LayerKind::batch_norm);
  const auto sign = LayerSpec::of(LayerKind::sign);
  return site.binary_output ? std::vector{core, norm, sign} : std::vector{sign, core, norm};
}

std::vector<LayerSpec> join(std::vector<LayerSpec> first, const std::vector<LayerSpec>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

OperationLayers bconv(int k) {
  return [k](const OperationSite& site) { return binary_unit(site, LayerSpec::conv(k, k, site.filters, site.stride)); };
}

/// Depthwise, then pointwise. The integer sum between them is normalized and signed: the pointwise convolution is
/// binary, and a straight-through gate on raw sums of k*k terms would close for nearly all of them.
OperationLayers sep_bconv(int k) {
  return [k](const OperationSite& site) {
    return join(binary_unit(site, LayerSpec::depthwise(k, site.stride)),
                binary_unit(site, LayerSpec::conv(1, 1, site.filters)));
  };
}

std::vector<LayerSpec> bconv_1x7_7x1(const OperationSite& site) {
  return join(binary_unit(site, LayerSpec::conv(1, 7, site.filters, site.stride)),
              binary_unit(site, LayerSpec::conv(7, 1, site.filters)));
}

/// flat: a pool keeps its input's channels; pnas: blocks add, so other widths are projected to the cell's.
OperationLayers pool(LayerKind kind) {
  return [kind](const OperationSite& site) {
    std::vector<LayerSpec> layers{LayerSpec::pool(kind, 3, site.stride)};
    const bool project = !site.binary_output && site.in_channels != site.filters;
    return project ? join(layers, binary_unit(site, LayerSpec::conv(1, 1, site.filters))) : layers;
  };
}

/// flat: 1x1 convolution to as many channels; pnas: the identity, or a 1x1 projection where the shape must change.
std::vector<LayerSpec> linear(const OperationSite& site) {
  if (site.binary_output) {
    return binary_unit(site, LayerSpec::conv(1, 1, site.in_channels, site.stride));
  }
  if (site.stride == 1 && site.in_channels == site.filters) {
    return {};
  }
  return binary_unit(site, LayerSpec::conv(1, 1, site.filters, site.stride));
}

}  // namespace

OperationRegistry OperationRegistry::builtin() {
  OperationRegistry registry;
  for (const int k : {3, 5, 7}) {
    const std::string size = std::to_string(k) + "x" + std::to_string(k);
    registry.add(size + " bconv", bconv(k));
    registry.add(size + " sep-bconv", sep_bconv(k));
  }
  registry.add("1x7-7x1 bconv", bconv_1x7_7x1);
  registry.add("3x3 maxpool", pool(LayerKind::max_pool));
  registry.add("3x3 avgpool", pool(LayerKind::avg_pool));
  registry.add("linear", linear);
  return registry;
}

void OperationRegistry::add(const std::string& name, OperationLayers layers) {
  constexpr std::size_t kLongest = 64;
  const bool legal = !name.empty() && name.size() <= kLongest && std::all_of(name.begin(), name.end(), [](char c) {
    return c >= ' ' && c <= '~' && std::string_view("'\",[]").find(c) == std::string_view::npos;
  });
  if (!legal) {
    throw Error(
        ErrorKind::usage,
        "operation name '" + name + "' must be 1 to 64 printable ASCII characters without quotes, commas or brackets");
  }
  if (!operations_.emplace(name, std::move(layers)).second) {
    throw Error(ErrorKind::usage, "operation '" + name + "' is registered already");
  }
}

std::vector<std::string> OperationRegistry::names() const {
  std::vector<std::string> all;
  for (const auto& [name, layers] : operations_) {
    all.push_back(name);
  }
  return all;
}

std::vector<LayerSpec> OperationRegistry::layers(const std::string& name, const OperationSite& site) const {
  require({name});
  return operations_.at(name)(site);
}

void OperationRegistry::require(const std::vector<std::string>& wanted) const {
  const std::vector<std::string> known = names();
  for (const std::string& name : wanted) {
    if (contains(name)) {
      continue;
    }
    const std::string nearest = nearest_name(name, known.data(), known.data() + known.size());
    std::string message = "unknown operation '" + name + "'";
    if (!nearest.empty()) {
      message += "; did you mean '" + nearest + "'?";
    } else {
      message += "; known are";
      for (const std::string& candidate : known) {
        message += (candidate == known.front() ? " '" : ", '") + candidate + "'";
      }
    }
    throw Error(ErrorKind::usage, message);
  }
}

}  // namespace bnas::nas
