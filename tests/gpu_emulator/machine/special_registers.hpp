// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "machine/api.hpp"
#include "ptx/types.hpp"

namespace bnas::emu {

/// Special registers whose value is known when a block starts. Clocks are not among them.
enum class Special : u8 {
  tid_x,
  tid_y,
  tid_z,
  ntid_x,
  ntid_y,
  ntid_z,
  ctaid_x,
  ctaid_y,
  ctaid_z,
  nctaid_x,
  nctaid_y,
  nctaid_z,
  laneid,
  warpid,
  nwarpid,
  lanemask_eq,
  lanemask_lt,
  lanemask_le,
  lanemask_gt,
  lanemask_ge,
  dynamic_shared,
  total_shared,
  zero,
  one,
};

std::optional<Special> special_named(std::string_view name);
bool is_clock(std::string_view name);

/// Where a thread is in its launch.
struct ThreadPlace {
  Dim3 grid;
  Dim3 block;
  Dim3 block_index;
  unsigned warp = 0;
  unsigned lane = 0;
  u32 dynamic_shared = 0;
  u32 total_shared = 0;
};

u32 special_value(Special special, const ThreadPlace& place);

}  // namespace bnas::emu
