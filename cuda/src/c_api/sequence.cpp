// SPDX-License-Identifier: Apache-2.0
// Sequences and orders.
#include <type_traits>

#include "bnas/cuda/embedding.hpp"
#include "bnas/cuda/lstm.hpp"
#include "bnas/cuda/lstm_score.hpp"
#include "bnas/cuda/sort.hpp"
#include "c_api/convert.hpp"

namespace cuda = bnas::cuda;
namespace c_api = bnas::cuda::c_api;

static_assert(std::extent_v<decltype(bnas_lstm_scorer::vocabulary)> == cuda::LstmScorer::kMostKinds);

bnas_status_t bnas_embedding(const float* table, std::int32_t vocabulary, std::int32_t width, const std::int32_t* ids,
                             std::int64_t n, float* y, bnas_device_error* error, bnas_stream_t stream) {
  return c_api::to_c(cuda::embedding(table, vocabulary, width, ids, n, y, c_api::from_c(error), stream));
}

bnas_status_t bnas_embedding_backward(const float* dy, const std::int32_t* ids, std::int64_t n, std::int32_t vocabulary,
                                      std::int32_t width, float* dtable, std::int32_t accumulate,
                                      bnas_device_error* error, bnas_stream_t stream) {
  return c_api::to_c(
      cuda::embedding_backward(dy, ids, n, vocabulary, width, dtable, accumulate != 0, c_api::from_c(error), stream));
}

bnas_status_t bnas_lstm_cell(float* gates, const float* c_prev, std::int64_t n, std::int32_t hidden, float* c, float* h,
                             bnas_stream_t stream) {
  return c_api::to_c(cuda::lstm_cell(gates, c_prev, n, hidden, c, h, stream));
}

bnas_status_t bnas_lstm_cell_backward(const bnas_lstm_cell_backward_call* call, std::int64_t n, std::int32_t hidden,
                                      bnas_stream_t stream) {
  return c_api::with(call, "lstm_cell_backward: call is null", [&](const bnas_lstm_cell_backward_call& c) {
    return cuda::lstm_cell_backward({c.dh, c.dc, c.gates, c.c_prev, c.c, c.dgates, c.dc_prev}, n, hidden, stream);
  });
}

bnas_status_t bnas_pack_recurrent_weights(const float* weights, std::int32_t hidden, float* packed,
                                          bnas_stream_t stream) {
  return c_api::to_c(cuda::pack_recurrent_weights(weights, hidden, packed, stream));
}

bnas_status_t bnas_lstm_score(const bnas_lstm_scorer* model, const std::int32_t* tokens, std::int64_t n,
                              std::int32_t length, float* scores, bnas_device_error* error, bnas_stream_t stream) {
  return c_api::with(model, "lstm_score: model is null", [&](const bnas_lstm_scorer& m) {
    cuda::LstmScorer scorer;
    for (int kind = 0; kind < cuda::LstmScorer::kMostKinds; ++kind) {
      scorer.tokens[kind] = {m.token_gates[kind], m.vocabulary[kind]};
    }
    scorer.kinds = m.kinds;
    scorer.hidden = m.hidden;
    scorer.recurrent = m.recurrent;
    scorer.head = m.head;
    scorer.head_bias = m.head_bias;
    return cuda::lstm_score(scorer, tokens, n, length, scores, c_api::from_c(error), stream);
  });
}

bnas_status_t bnas_shuffle(const bnas_random_key* key, std::int64_t n, std::int32_t* order, const bnas_scratch* scratch,
                           bnas_stream_t stream) {
  return c_api::with(key, "shuffle: key is null", [&](const bnas_random_key& k) {
    const bnas::RandomKey random{k.seed, k.stream, static_cast<bnas::RandomPurpose>(k.purpose)};
    return cuda::shuffle(random, n, order, c_api::from_c(scratch), stream);
  });
}

bnas_status_t bnas_top_k(const float* scores, std::int64_t n, std::int64_t k, std::int32_t* indices, float* top,
                         const bnas_scratch* scratch, bnas_stream_t stream) {
  return c_api::to_c(cuda::top_k(scores, n, k, indices, top, c_api::from_c(scratch), stream));
}

std::size_t bnas_sort_workspace(std::int64_t n) { return cuda::sort_workspace_bytes(n); }
