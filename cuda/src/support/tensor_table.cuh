// SPDX-License-Identifier: Apache-2.0
// One launch over many tensors. Their descriptions travel as a kernel argument, so that a launch needs no upload and
// can be captured.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

namespace bnas::cuda {

/// Entry i has the blocks first_block[i] .. first_block[i + 1] - 1 of the grid.
template <class Entry, int kMax>
struct TensorTable {
  static constexpr int kCapacity = kMax;
  Entry entries[kMax];
  unsigned first_block[kMax + 1];
  int count;
};

/// A block's entry, and its place among the blocks of that entry.
template <class Entry>
struct EntryBlock {
  const Entry& entry;
  unsigned block;
};

template <class Entry, int kMax>
__device__ EntryBlock<Entry> entry_of_block(const TensorTable<Entry, kMax>& table) {
  int low = 0;
  for (int high = table.count; high - low > 1;) {
    const int middle = (low + high) / 2;
    (table.first_block[middle] <= blockIdx.x ? low : high) = middle;
  }
  return {table.entries[low], blockIdx.x - table.first_block[low]};
}

/// Calls launch(table, blocks) for every Table::kCapacity of `entries`, with blocks > 0 each. `blocks_of(entry)` says
/// how many blocks an entry takes, so few that those of a table fit a grid.
template <class Table, class Entry, class BlocksOf, class Launch>
void for_each_table(const Entry* entries, int count, BlocksOf blocks_of, Launch launch) {
  for (int first = 0; first < count; first += Table::kCapacity) {
    Table table{};
    table.count = std::min(Table::kCapacity, count - first);
    for (int i = 0; i < table.count; ++i) {
      table.entries[i] = entries[first + i];
      table.first_block[i + 1] = table.first_block[i] + blocks_of(entries[first + i]);
    }
    if (table.first_block[table.count] > 0) {
      launch(table, table.first_block[table.count]);
    }
  }
}

}  // namespace bnas::cuda
