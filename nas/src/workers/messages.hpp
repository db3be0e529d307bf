// SPDX-License-Identifier: Apache-2.0
// What the frames between supervisor and worker say. A `job` is one request; its number comes with every reply.
//
//   supervisor -> worker
//     setup   {text}                            first of all: what the worker is to be
//     train   {job, trial, directory}
//     finish  {job, trial, directory, out}      files of the best child, and its test accuracy
//     stop    {job}                             checkpoint and leave
//   worker -> supervisor
//     hello   {description, fingerprint, free, total}
//     refused {error}                           the worker cannot be what was asked for
//     steps   {jobs: [[job, completed steps]]}  several times a second
//     epoch   {job, metrics, steps}
//     warning {job, text}
//     done    {job, trial} or {job, accuracy}
//     interrupted {job}
//     failed  {job, error}
//     fault   {scope, text}                     the device's context is lost; the worker leaves at once
#pragma once

#include <exception>
#include <string>

#include "bnas/nas/trial.hpp"
#include "workers/frame.hpp"

namespace bnas::nas {

/// Numbers come back bit by bit; what is no number comes back as the usual NaN.
Json to_json(const EpochMetrics& metrics);
EpochMetrics metrics_from_json(const Json& json);
/// All of a trial but its cost and its seconds, which the supervisor knows.
Json to_json(const Trial& trial);
Trial trial_from_json(const Json& json);

/// The exception being handled, so that throw_error() throws one of the same kind and text on the other side.
Json current_error();
/// OutOfMemory, ChildRejected, bnas::Error of its kind, or std::runtime_error.
[[noreturn]] void throw_error(const Json& json);

}  // namespace bnas::nas
