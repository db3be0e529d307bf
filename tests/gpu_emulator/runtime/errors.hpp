// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <driver_types.h>

#include <stdexcept>
#include <string>

namespace bnas::emu {

/// Ends a runtime call with `code`. Text, where there is any, is for people: what the code cannot say.
class ApiError : public std::runtime_error {
 public:
  explicit ApiError(cudaError_t code, const std::string& text = {}) : std::runtime_error(text), code_(code) {}
  cudaError_t code() const { return code_; }

 private:
  cudaError_t code_;
};

inline void require(bool condition, cudaError_t code = cudaErrorInvalidValue) {
  if (!condition) {
    throw ApiError(code);
  }
}

/// As cudaGetErrorName and cudaGetErrorString of the real runtime return them.
const char* error_name(cudaError_t code);
const char* error_text(cudaError_t code);

/// One line on stderr: why something failed that only an error code tells the program.
void explain(const std::string& text);

}  // namespace bnas::emu
