// SPDX-License-Identifier: Apache-2.0
#include "batch_rule.hpp"

#include <fmt/format.h>

#include "bnas/core/error.hpp"

namespace bnas::nas {
namespace {

void require_range(const char* key, double value, double low, double high) {
  if (!(value >= low && value <= high)) {
    throw Error(ErrorKind::usage, fmt::format("{} is {}, must be {} to {}", key, value, low, high));
  }
}

}  // namespace

void validate_batch_rule(const BatchRule& rule, std::int64_t channels) {
  validate_batch_rule(rule);
  if ((rule.augment.saturation != 0 || rule.augment.hue != 0) && channels != 3) {
    throw Error(ErrorKind::usage, fmt::format("augment_saturation and augment_hue are for images of red, green and "
                                              "blue; these have {} channels: leave them 0",
                                              channels));
  }
}

void validate_batch_rule(const BatchRule& rule) {
  require_range("augment_shift", rule.augment.shift, 0, 16384);
  require_range("augment_cutout", rule.augment.cutout, 0, 16384);
  require_range("augment_rotation", rule.augment.rotation, 0, 180);
  require_range("augment_crop", rule.augment.crop, 0, 90);
  require_range("augment_brightness", rule.augment.brightness, 0, 100);
  require_range("augment_contrast", rule.augment.contrast, 0, 100);
  require_range("augment_saturation", rule.augment.saturation, 0, 100);
  require_range("augment_hue", rule.augment.hue, 0, 50);
  require_range("input offset", rule.offset, 0, 2);
}

std::string batch_rule_text(const BatchRule& rule) {
  const AugmentRule& augment = rule.augment;
  const std::string colors = augment.recolors() ? fmt::format(",colors {} {} {} {}", augment.brightness,
                                                              augment.contrast, augment.saturation, augment.hue)
                                                : "";
  return fmt::format("augment=shift {},flip {},cutout {},rotation {},crop {}{} offset={}", augment.shift, augment.flip,
                     augment.cutout, augment.rotation, augment.crop, colors, rule.offset);
}

}  // namespace bnas::nas
