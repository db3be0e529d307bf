// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <driver_types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace bnas::emu {

/// What is done to one kernel launch when it runs.
struct Injection {
  enum class Kind { error, hang, flip };
  Kind kind = Kind::error;
  cudaError_t code = cudaSuccess;  // error: the sticky error that the launch ends with
  std::size_t parameter = 0;       // flip: which pointer parameter's buffer, from 0
  std::size_t byte = 0;            // flip: offset in that buffer
  int bit = 0;
};

/// Errors on demand. A specification is a list `kind[:key=value,...]` separated by ';'.
///   oom              an allocation of device memory fails (cudaErrorMemoryAllocation); nothing else happens
///   illegal_address, launch_failure, misaligned, assert
///                    a kernel launch ends with that sticky error
///   device_lost, ecc, unknown
///                    a runtime call ends with cudaErrorDevicesUnavailable, cudaErrorECCUncorrectable,
///                    cudaErrorUnknown, sticky; a launch does when `kernel` is given
///   hang             a kernel launch never ends
///   flip             after a kernel launch, one bit of a buffer it was given is another
/// Keys: nth=N (default 1) the N-th such call or launch; always: also all after it; kernel=TEXT part of the kernel's
/// name; call=TEXT part of the runtime call's name; note=TEXT part of the calling thread's annotation; once=PATH only
/// if PATH does not exist, which is then created (one fault for several processes); for flip: parameter=N, byte=N,
/// bit=N.
class Faults {
 public:
  /// Throws std::invalid_argument that names the part which is not understood.
  void add(std::string_view specification);
  void clear() { rules_.clear(); }

  std::optional<cudaError_t> on_call(std::string_view call, std::string_view note);
  bool on_allocation(std::string_view call, std::string_view note);
  std::optional<Injection> on_launch(std::string_view kernel, std::string_view note);

 private:
  enum class Trigger { call, allocation, launch };
  struct Rule {
    Trigger trigger = Trigger::call;
    Injection injection;
    std::uint64_t nth = 1;
    bool always = false;
    std::string name;  // part of the name of the kernel or call
    std::string note;
    std::string once;
    std::uint64_t seen = 0;
  };

  static Rule parse(std::string_view text);
  static void set_key(Rule& rule, std::string_view key, std::string_view value);
  const Rule* fire(Trigger trigger, std::string_view name, std::string_view note);

  std::vector<Rule> rules_;
};

}  // namespace bnas::emu
