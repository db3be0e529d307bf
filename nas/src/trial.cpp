// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/trial.hpp"

namespace bnas::nas {

const char* trial_status_name(TrialStatus status) {
  switch (status) {
    case TrialStatus::queued:
      return "queued";
    case TrialStatus::running:
      return "running";
    case TrialStatus::done:
      return "done";
    case TrialStatus::diverged:
      return "diverged";
    case TrialStatus::failed:
      return "failed";
  }
  return "unknown";
}

bool is_final(TrialStatus status) { return status != TrialStatus::queued && status != TrialStatus::running; }

}  // namespace bnas::nas
