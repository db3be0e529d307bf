// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bnas/core/device.hpp"
#include "bnas/core/kernel_table.hpp"

namespace bnas {

/// Bytes of a device.
struct DeviceMemory {
  std::uint64_t free = 0;
  std::uint64_t total = 0;
};

class Storage;
class Stream;

/// One kind of device: memory, streams, kernels. Operations are not virtuals: they are found in the kernel table.
/// Thread-safe; lives until the program ends.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual Device device() const = 0;
  /// A person's name of the device with what was detected: "AMD EPYC, AVX-512 VPOPCNTDQ".
  virtual std::string description() const = 0;
  /// As it is now; other programs count too.
  virtual DeviceMemory memory() const = 0;
  virtual std::unique_ptr<Stream> make_stream() = 0;
  /// Stream-ordered; `dst` is filled when the stream has been synchronized.
  virtual void copy_to_host(void* dst, const void* src, std::size_t bytes, Stream& stream) = 0;
  /// Stream-ordered; `src` may be reused as soon as the call returns.
  virtual void copy_from_host(void* dst, const void* src, std::size_t bytes, Stream& stream) = 0;
  const KernelTable& kernels() const { return kernels_; }

 protected:
  KernelTable kernels_;
};

/// The backend of `device`; an `unavailable` Error says what is missing when there is none.
Backend& backend_for(Device device);

/// The devices that a list names: "cpu", "cuda" for all GPUs that this process may use, "cuda:0,cuda:2". Does not open
/// them. usage Error for anything else, two kinds at once, or one named twice; `unavailable` when one is not there.
std::vector<Device> find_devices(std::string_view list);

/// All devices of this machine that this build can use; the CPU is always first.
std::vector<Device> available_devices();

}  // namespace bnas
