// SPDX-License-Identifier: Apache-2.0
// ldmatrix and stmatrix, and the loads and stores of 1-bit wmma fragments.
#include "machine/bind.hpp"
#include "machine/lanes.hpp"
#include "machine/matrix.hpp"

namespace bnas::emu {
namespace {

/// An 8 x 8 matrix of 16-bit elements; lane l holds the pair at row l / 4, columns 2 (l mod 4) and the next.
using Matrix = std::array<std::array<u16, 8>, 8>;

u16& element(Matrix& matrix, unsigned row, unsigned column, bool transposed) {
  return transposed ? matrix[column][row] : matrix[row][column];
}

/// Lanes 8 j to 8 j + 7 give the addresses of the rows of matrix j.
void run_matrix_access(Block& block, const Instruction& i, LaneMask mask, bool load, bool transposed) {
  block.require_whole_warp(mask);
  const LaneMask givers = i.count == 4 ? kAllLanes : (1U << (8 * i.count)) - 1;
  Access access;
  access.bytes = 16;
  access.write = !load;
  LanePointers rows;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled for the lanes that give addresses
  block.resolve(i.address, givers, access, rows);
  for (unsigned j = 0; j < i.count; ++j) {
    Matrix matrix;  // NOLINT(cppcoreguidelines-pro-type-member-init): every element is set
    u32* pairs = block.row<u32>(i.vector[j]);
    for (unsigned r = 0; r < 8 && load; ++r) {
      std::memcpy(matrix[r].data(), rows[8 * j + r], 16);
    }
    for (unsigned l = 0; l < 32; ++l) {
      u16& low = element(matrix, l / 4, l % 4 * 2, transposed);
      u16& high = element(matrix, l / 4, l % 4 * 2 + 1, transposed);
      if (load) {
        pairs[l] = static_cast<u32>(high) << 16 | low;
      } else {
        low = static_cast<u16>(pairs[l]);
        high = static_cast<u16>(pairs[l] >> 16);
      }
    }
    for (unsigned r = 0; r < 8 && !load; ++r) {
      std::memcpy(rows[8 * j + r], matrix[r].data(), 16);
    }
  }
}

void bind_matrix_access(const Statement& s, Instruction& i) {
  const bool load = s.mnemonic() == "ldmatrix";
  const bool transposed = s.has("trans");
  i.count = s.has("x4") ? 4 : s.has("x2") ? 2 : 1;
  if (!s.has("m8n8") || !s.has("b16")) {
    s.unsupported();
  }
  i.address = s.address(load ? 1 : 0, s.space(load ? 1 : 0));
  const std::vector<int> registers = load ? s.targets(0) : s.sources(1, Slot::word);
  if (registers.size() != i.count) {
    s.unsupported("the number of registers");
  }
  std::copy(registers.begin(), registers.end(), i.vector.begin());
  execute_by_whole_warp(s, i);
  set_closure(i, [load, transposed](Block& block, const Instruction& self, LaneMask mask) {
    run_matrix_access(block, self, mask, load, transposed);
  });
}

/// A fragment of wmma m8n8k128: 128 bits per row of A or column of B, or a matrix of 8 x 8 numbers.
struct Fragment {
  std::vector<int> registers;
  int stride = -1;  ///< register with the distance of rows in elements; -1: dense
  bool accumulator = false;
  bool by_rows = true;
  bool load = true;
};

/// The address of register r of a lane's fragment, relative to the matrix.
u64 fragment_offset(const Fragment& f, unsigned lane, unsigned r, u64 stride) {
  const unsigned group = lane / 4;
  const unsigned within = lane % 4;
  if (!f.accumulator) {
    return group * stride / 8 + within * 4U;
  }
  const unsigned column = within * 2 + r;
  return 4 * (f.by_rows ? group * stride + column : column * stride + group);
}

void run_fragment(Block& block, const Instruction& i, LaneMask mask, const Fragment& f) {
  block.require_whole_warp(mask);
  LaneAddresses base;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled for all lanes
  block.addresses(i.address, mask, base);
  Access access;
  access.write = !f.load;
  for (unsigned r = 0; r < f.registers.size(); ++r) {
    LaneAddresses at = base;
    for (unsigned l = 0; l < 32; ++l) {
      at[l] += fragment_offset(f, l, r, f.stride >= 0 ? block.row<u32>(f.stride)[l] : f.accumulator ? 8 : 128);
    }
    LanePointers pointers;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled for all lanes
    block.resolve(i.address.space, at, mask, access, pointers);
    u32* row = block.row<u32>(f.registers[r]);
    for (unsigned l = 0; l < 32; ++l) {
      std::memcpy(f.load ? static_cast<void*>(row + l) : pointers[l],
                  f.load ? pointers[l] : static_cast<void*>(row + l), 4);
    }
  }
}

}  // namespace

void bind_wmma_memory(const Statement& s, Instruction& i) {
  if (!s.has("m8n8k128")) {
    s.unsupported("of wmma, only the 1-bit shape");
  }
  Fragment f;
  f.load = s.has("load");
  f.accumulator = s.has("c") || s.has("d");
  f.by_rows = s.has("row");
  const std::size_t memory = f.load ? 1 : 0;
  f.registers = f.load ? s.targets(0) : s.sources(1, Slot::word);
  if (f.registers.size() != (f.accumulator ? 2U : 1U)) {
    s.unsupported("the number of registers");
  }
  i.address = s.address(memory, s.space(memory));
  f.stride = s.size() > 2 ? s.source(2, Slot::word) : -1;
  execute_by_whole_warp(s, i);
  set_closure(i, [f](Block& block, const Instruction& self, LaneMask mask) { run_fragment(block, self, mask, f); });
}

void add_matrix_memory(FamilyTable& table) {
  table["ldmatrix"] = bind_matrix_access;
  table["stmatrix"] = bind_matrix_access;
}

}  // namespace bnas::emu
