// SPDX-License-Identifier: Apache-2.0
// Replaces the global operator new of the program; every other form of it calls this one or the aligned one, which
// nothing here uses for content. The sanitizers bring an operator new of their own, which must free what it gave:
// beside them nothing is limited.
#include "fuzz/allocation_limit.hpp"

#include <cstdlib>
#include <limits>
#include <new>

namespace bnas::fuzz {
namespace {

thread_local std::size_t limit = std::numeric_limits<std::size_t>::max();

}  // namespace

AllocationLimit::AllocationLimit(std::size_t bytes) { limit = bytes; }
AllocationLimit::~AllocationLimit() { limit = std::numeric_limits<std::size_t>::max(); }

}  // namespace bnas::fuzz

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
namespace {

void* allocate(std::size_t bytes) {
  if (bytes > bnas::fuzz::limit) {
    throw bnas::fuzz::OverAllocation{bytes};
  }
  void* const memory = std::malloc(bytes > 0 ? bytes : 1);
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}

}  // namespace

void* operator new(std::size_t bytes) { return allocate(bytes); }
void* operator new[](std::size_t bytes) { return allocate(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
#endif
