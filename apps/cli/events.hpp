// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "bnas/nas/strategy.hpp"
#include "bnas/nas/trial.hpp"

namespace bnas::cli {

using Json = nlohmann::ordered_json;

/// The number, or null where it is not finite.
Json json_number(double x);
/// The fields that describe a measured cell.
Json trial_fields(const nas::Trial& trial);
Json quality_fields(const nas::SurrogateQuality& quality);
/// Compact text; bytes that are no UTF-8 are replaced.
std::string json_text(const Json& json);

/// Events as JSON lines on stdout: {"v":1,"t":TYPE,"seq":N, fields}. Silent unless enabled. One thread at a time.
class EventWriter {
 public:
  explicit EventWriter(bool enabled) : enabled_(enabled) {}
  void write(const char* type, const Json& fields);

 private:
  bool enabled_;
  std::int64_t sequence_ = 0;
};

}  // namespace bnas::cli
