// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bnas::optim {

enum class ScheduleKind : std::uint8_t { constant, exponential, cosine, linear };

/// Learning rate as a pure function of progress.
struct Schedule {
  ScheduleKind kind = ScheduleKind::exponential;
  float lr_start = 1e-3F;
  float lr_end = 1e-4F;
  double warmup_epochs = 0.0;  ///< lr grows linearly from 0 over these

  /// `epoch` counts finished epochs and may have a fraction (a step within an epoch). constant: lr_start;
  /// exponential: lr_start * (lr_end / lr_start)^(floor(epoch) / epochs), which holds within an epoch and never reaches
  /// lr_end; cosine: lr_end + (lr_start - lr_end) * (1 + cos(pi * epoch / epochs)) / 2;
  /// linear: lr_start + (lr_end - lr_start) * epoch / epochs.
  float at(double epoch, double epochs) const;
};

const char* schedule_name(ScheduleKind kind);
/// "constant", "exponential", "cosine" or "linear"; else a usage Error with the nearest name.
ScheduleKind parse_schedule(std::string_view name);

}  // namespace bnas::optim
