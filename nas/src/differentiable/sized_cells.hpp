// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "differentiable/supernet_cell.hpp"

namespace bnas::nas {

/// A cell of a network with its place and the pixels of its second input and of its output.
struct SizedCell {
  CellPlace place;
  int in_h, in_w, out_h, out_w;
};

/// All cells of a network, whose first one stands at `first` (before any reduction) and reads h x w pixels.
std::vector<SizedCell> sized_cells(int cells, CellPlace first, int h, int w);

}  // namespace bnas::nas
