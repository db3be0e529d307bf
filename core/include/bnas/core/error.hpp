// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace bnas {

/// Who can mend an error; the programs map it to their exit code (table in the README).
enum class ErrorKind {
  usage,         ///< wrong argument or configuration: 2
  bad_data,      ///< corrupt file or data set: 65
  missing,       ///< file or data set not there: 66
  unavailable,   ///< device or kernel not there: 69
  internal,      ///< broken invariant, a bug of ours: 70
  locked,        ///< run directory in use or in the way: 73
  io,            ///< disk full or I/O error: 74
  device_fault,  ///< the device failed under this process, which must end (DeviceFault): 75
};

/// Every failure of the libraries. what() says what, where, why and what to do, in one or two sentences.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

/// How far a fault of a device reaches.
enum class FaultScope {
  process,  ///< another process may well go on with the device: an illegal access in a kernel
  device,   ///< nobody can: an uncorrectable memory error, a lost device
  unclear,  ///< the device, if it happens twice in a row
};

/// A fault after which the device's context, and with it the process, is of no more use.
class DeviceFault : public Error {
 public:
  DeviceFault(FaultScope scope, const std::string& message) : Error(ErrorKind::device_fault, message), scope_(scope) {}
  FaultScope scope() const noexcept { return scope_; }

 private:
  FaultScope scope_;
};

/// The memory of a device is used up. Nothing else happened: with less in use the same work may succeed.
class OutOfMemory : public Error {
 public:
  explicit OutOfMemory(const std::string& message) : Error(ErrorKind::unavailable, message) {}
};

/// Throws an internal Error "[op] message" unless `holds`.
inline void check(bool holds, std::string_view op, std::string_view message) {
  if (!holds) {
    std::string text("[");  // appended, since g++ 12 warns wrongly (-Wrestrict) about an inlined "[" + string
    text.append(op).append("] ").append(message);
    throw Error(ErrorKind::internal, text);
  }
}

/// The entry of `candidates` nearest to `name` by edit distance when it is at most `limit` away, else "".
std::string nearest_name(std::string_view name, const std::string* first, const std::string* last, int limit = 3);

}  // namespace bnas
