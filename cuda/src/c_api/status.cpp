// SPDX-License-Identifier: Apache-2.0
#include "c_api/convert.hpp"

namespace c_api = bnas::cuda::c_api;

std::int32_t bnas_abi_version() { return BNAS_ABI_VERSION; }

std::int32_t bnas_version() { return BNAS_VERSION; }

std::size_t bnas_status_string(bnas_status_t status, char* buffer, std::size_t size) {
  return bnas::cuda::describe(c_api::from_c(status), buffer, size);
}
