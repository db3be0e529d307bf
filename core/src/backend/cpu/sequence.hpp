// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bnas/core/kernels/sequence.hpp"

namespace bnas::cpu {

kernels::Embedding::Signature embedding;
kernels::EmbeddingBackward::Signature embedding_backward;
kernels::LstmCell::Signature lstm_cell;
kernels::LstmCellBackward::Signature lstm_cell_backward;

}  // namespace bnas::cpu
