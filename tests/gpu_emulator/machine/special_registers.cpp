// SPDX-License-Identifier: Apache-2.0
#include "machine/special_registers.hpp"

#include <unordered_map>

namespace bnas::emu {

std::optional<Special> special_named(std::string_view name) {
  static const std::unordered_map<std::string_view, Special> kNames = {
      {"%tid.x", Special::tid_x},
      {"%tid.y", Special::tid_y},
      {"%tid.z", Special::tid_z},
      {"%ntid.x", Special::ntid_x},
      {"%ntid.y", Special::ntid_y},
      {"%ntid.z", Special::ntid_z},
      {"%ctaid.x", Special::ctaid_x},
      {"%ctaid.y", Special::ctaid_y},
      {"%ctaid.z", Special::ctaid_z},
      {"%nctaid.x", Special::nctaid_x},
      {"%nctaid.y", Special::nctaid_y},
      {"%nctaid.z", Special::nctaid_z},
      {"%laneid", Special::laneid},
      {"%warpid", Special::warpid},
      {"%nwarpid", Special::nwarpid},
      {"%lanemask_eq", Special::lanemask_eq},
      {"%lanemask_lt", Special::lanemask_lt},
      {"%lanemask_le", Special::lanemask_le},
      {"%lanemask_gt", Special::lanemask_gt},
      {"%lanemask_ge", Special::lanemask_ge},
      {"%dynamic_smem_size", Special::dynamic_shared},
      {"%total_smem_size", Special::total_shared},
      {"%smid", Special::zero},
      {"%gridid", Special::zero},
      {"%nsmid", Special::one},
      // Without clusters every block is a cluster of its own.
      {"%cluster_ctarank", Special::zero},
      {"%cluster_nctarank", Special::one},
      {"%cluster_ctaid.x", Special::zero},
      {"%cluster_ctaid.y", Special::zero},
      {"%cluster_ctaid.z", Special::zero},
      {"%cluster_nctaid.x", Special::one},
      {"%cluster_nctaid.y", Special::one},
      {"%cluster_nctaid.z", Special::one},
      {"%is_explicit_cluster", Special::zero},
      {"$carry", Special::zero},
  };
  const auto it = kNames.find(name);
  return it == kNames.end() ? std::nullopt : std::optional(it->second);
}

bool is_clock(std::string_view name) { return name.starts_with("%clock") || name.starts_with("%globaltimer"); }

u32 special_value(Special special, const ThreadPlace& p) {
  const u32 thread = p.warp * 32 + p.lane;
  const u32 bit = 1U << p.lane;
  switch (special) {
    case Special::tid_x:
      return thread % p.block.x;
    case Special::tid_y:
      return thread / p.block.x % p.block.y;
    case Special::tid_z:
      return thread / p.block.x / p.block.y;
    case Special::ntid_x:
      return p.block.x;
    case Special::ntid_y:
      return p.block.y;
    case Special::ntid_z:
      return p.block.z;
    case Special::ctaid_x:
      return p.block_index.x;
    case Special::ctaid_y:
      return p.block_index.y;
    case Special::ctaid_z:
      return p.block_index.z;
    case Special::nctaid_x:
      return p.grid.x;
    case Special::nctaid_y:
      return p.grid.y;
    case Special::nctaid_z:
      return p.grid.z;
    case Special::laneid:
      return p.lane;
    case Special::warpid:
      return p.warp;
    case Special::nwarpid:
      return 64;  // the most that a multiprocessor holds
    case Special::lanemask_eq:
      return bit;
    case Special::lanemask_lt:
      return bit - 1;
    case Special::lanemask_le:
      return bit | (bit - 1);
    case Special::lanemask_gt:
      return ~(bit | (bit - 1));
    case Special::lanemask_ge:
      return ~(bit - 1);
    case Special::dynamic_shared:
      return p.dynamic_shared;
    case Special::total_shared:
      return p.total_shared;
    case Special::zero:
      return 0;
    case Special::one:
      return 1;
  }
  return 0;
}

}  // namespace bnas::emu
