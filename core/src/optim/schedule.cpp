// SPDX-License-Identifier: Apache-2.0
#include "bnas/core/optim/schedule.hpp"

#include <array>
#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "bnas/core/error.hpp"

namespace bnas::optim {
namespace {

const std::array<std::string, 4> kNames = {"constant", "exponential", "cosine", "linear"};

}  // namespace

float Schedule::at(double epoch, double epochs) const {
  const double first = lr_start, last = lr_end;
  double lr = first;
  switch (kind) {
    case ScheduleKind::constant:
      break;
    case ScheduleKind::exponential:
      lr = first * std::pow(last / first, std::floor(epoch) / epochs);
      break;
    case ScheduleKind::cosine:
      lr = last + (first - last) * (1.0 + std::cos(std::numbers::pi * epoch / epochs)) / 2.0;
      break;
    case ScheduleKind::linear:
      lr = first + (last - first) * epoch / epochs;
      break;
  }
  return static_cast<float>(epoch < warmup_epochs ? lr * epoch / warmup_epochs : lr);
}

const char* schedule_name(ScheduleKind kind) { return kNames[static_cast<std::size_t>(kind)].c_str(); }

ScheduleKind parse_schedule(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) {
      return static_cast<ScheduleKind>(i);
    }
  }
  const std::string near = nearest_name(name, kNames.data(), kNames.data() + kNames.size());
  throw Error(ErrorKind::usage, fmt::format("unknown schedule '{}': {}expected constant, exponential, cosine or linear",
                                            name, near.empty() ? "" : "did you mean '" + near + "'? "));
}

}  // namespace bnas::optim
