// SPDX-License-Identifier: Apache-2.0
#include "backend/cpu/register.hpp"
#include "backend/cpu/sequence.hpp"

namespace bnas::cpu {

void register_sequence(KernelTable& table) {
  table.add<kernels::Embedding>(embedding);
  table.add<kernels::EmbeddingBackward>(embedding_backward);
  table.add<kernels::LstmCell>(lstm_cell);
  table.add<kernels::LstmCellBackward>(lstm_cell_backward);
}

}  // namespace bnas::cpu
