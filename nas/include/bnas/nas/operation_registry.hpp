// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "bnas/nas/network_plan.hpp"

namespace bnas::nas {

/// Where an operation stands: what its layers may depend on.
struct OperationSite {
  int in_channels = 1;
  int filters = 1;  ///< width of the cell
  int stride = 1;
  bool binary_output = false;  ///< flat: layers end with sign; pnas: with batch norm, real-valued
};

/// The chain of layers of an operation at a site.
using OperationLayers = std::function<std::vector<LayerSpec>(const OperationSite&)>;

/// Operations by name. A value: copy the built-in one and add to the copy.
///
///   auto registry = OperationRegistry::builtin();
///   registry.add("3x3 dilated", [](const OperationSite& site) { return std::vector<LayerSpec>{...}; });
class OperationRegistry {
 public:
  /// The ten operations: "3x3|5x5|7x7 bconv", "3x3|5x5|7x7 sep-bconv", "1x7-7x1 bconv", "3x3 maxpool", "3x3 avgpool",
  /// "linear".
  static OperationRegistry builtin();

  /// usage Error for a name that is taken or is not printable ASCII without quotes, commas or brackets, 1 to 64 long.
  void add(const std::string& name, OperationLayers layers);
  bool contains(const std::string& name) const { return operations_.contains(name); }
  std::vector<std::string> names() const;
  /// The layers of `name`; usage Error with the nearest name when unknown.
  std::vector<LayerSpec> layers(const std::string& name, const OperationSite& site) const;
  /// usage Error, with the nearest name, unless all `names` are known.
  void require(const std::vector<std::string>& names) const;

 private:
  std::map<std::string, OperationLayers> operations_;
};

}  // namespace bnas::nas
