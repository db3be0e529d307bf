// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <typeindex>
#include <unordered_map>
#include <utility>

#include "bnas/core/error.hpp"
#include "bnas/core/stream.hpp"
#include "bnas/core/trace.hpp"

namespace bnas {

/// Typed functions by operation tag. A tag is a struct with `static constexpr const char* name` and
/// `using Signature = void(Stream&, ...)`; the signature is checked when a kernel is added and when it is called.
class KernelTable {
 public:
  /// Adds the kernel of `Op`; a second one is an internal Error.
  template <class Op>
  void add(typename Op::Signature* kernel) {
    const bool inserted = kernels_.emplace(std::type_index(typeid(Op)), reinterpret_cast<void (*)()>(kernel)).second;
    check(inserted, Op::name, "kernel registered twice");
  }

  /// The kernel of `Op`, or nullptr where the device has none.
  template <class Op>
  typename Op::Signature* find() const {
    const auto it = kernels_.find(std::type_index(typeid(Op)));
    return it == kernels_.end() ? nullptr : reinterpret_cast<typename Op::Signature*>(it->second);
  }

  std::size_t size() const { return kernels_.size(); }

 private:
  std::unordered_map<std::type_index, void (*)()> kernels_;
};

/// Throws the `unavailable` Error of a missing kernel, naming operation and device.
[[noreturn]] void throw_missing_kernel(const char* op, const Stream& stream);
const KernelTable& kernels_of(const Stream& stream);

/// Runs the kernel of `Op` on the stream's device. A missing kernel is an Error, never a run elsewhere.
template <class Op, class... Args>
void dispatch(Stream& stream, Args&&... args) {
  auto* kernel = kernels_of(stream).find<Op>();
  if (kernel == nullptr) {
    throw_missing_kernel(Op::name, stream);
  }
  const TraceRange range(TraceCategory::kernel, Op::name);
  if (KernelObserver* observer = stream.observer(); observer != nullptr) {
    observer->begin(Op::name);
    kernel(stream, std::forward<Args>(args)...);
    observer->end(Op::name);
  } else {
    kernel(stream, std::forward<Args>(args)...);
  }
}

}  // namespace bnas
