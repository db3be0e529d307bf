// SPDX-License-Identifier: Apache-2.0
// A block takes kSequences sequences through all their tokens; a thread owns every blockDim.x-th hidden unit, in all of
// them. Per hidden unit of the step before it reads 16 bytes of weights (neighbours side by side) and, the same for the
// whole warp, 32 bytes of states, for 32 products. Weights come from the caches: those of 100 units, 160 kB, fit the
// shared memory of some GPUs only, and every block reads them in the same order.
#include "bnas/cuda/lstm_score.hpp"

#include <algorithm>

#include "support/device_error.cuh"
#include "support/launch.cuh"
#include "support/lstm_gates.cuh"

namespace bnas::cuda {
namespace {

constexpr int kSequences = 8;
constexpr int kWarp = 32;
constexpr int kMostThreads = 256;

/// States of one hidden unit.
struct alignas(16) Unit {
  float of[kSequences];
};

/// In shared memory: h before and after the step, and c, each (hidden).
struct States {
  Unit* h;
  Unit* next_h;
  Unit* c;
};

constexpr std::size_t state_bytes(int hidden) { return 3 * static_cast<std::size_t>(hidden) * sizeof(Unit); }
static_assert(state_bytes(kMaxScoredHidden) + kSequences * sizeof(void*) <= 48 * 1024);

/// Sequences of this block; one that does not exist is the last one again.
struct Sequences {
  const std::int32_t* tokens;
  std::int64_t first, count;
  int length;

  __device__ std::int64_t place(int s, int t) const { return min(first + s, count - 1) * length + t; }
};

/// Row of a token's gates, null where the token does not exist.
__device__ const float* gates_of_token(const LstmScorer& model, const Sequences& sequences, int s, int t,
                                       DeviceError* error) {
  const TokenGates& kind = model.tokens[t % model.kinds];
  const std::int64_t place = sequences.place(s, t);
  const std::int32_t token = sequences.tokens[place];
  return index_in_range(error, IndexCheck::embedding, place, token, kind.vocabulary)
             ? kind.rows + static_cast<std::int64_t>(token) * 4 * model.hidden
             : nullptr;
}

/// gates[g][s] += the recurrent weights of unit j times the states before.
__device__ void add_recurrent(const LstmScorer& model, const Unit* h, int j, float (&gates)[4][kSequences]) {
  const float4* const weights = reinterpret_cast<const float4*>(model.recurrent);
#pragma unroll 2
  for (int k = 0; k < model.hidden; ++k) {
    const float4 w = weights[static_cast<std::int64_t>(k) * model.hidden + j];
    const Unit before = h[k];
#pragma unroll
    for (int s = 0; s < kSequences; ++s) {
      gates[0][s] = fmaf(w.x, before.of[s], gates[0][s]);
      gates[1][s] = fmaf(w.y, before.of[s], gates[1][s]);
      gates[2][s] = fmaf(w.z, before.of[s], gates[2][s]);
      gates[3][s] = fmaf(w.w, before.of[s], gates[3][s]);
    }
  }
}

/// One token of all sequences; afterwards next_h is h.
__device__ void step(const LstmScorer& model, const Sequences& sequences, int t, const States& states,
                     DeviceError* error) {
  __shared__ const float* rows[kSequences];
  if (threadIdx.x < kSequences) {
    rows[threadIdx.x] = gates_of_token(model, sequences, static_cast<int>(threadIdx.x), t, error);
  }
  __syncthreads();
  for (int j = static_cast<int>(threadIdx.x); j < model.hidden; j += static_cast<int>(blockDim.x)) {
    float gates[4][kSequences];
#pragma unroll
    for (int s = 0; s < kSequences; ++s) {
      const float* const row = rows[s];
#pragma unroll
      for (int g = 0; g < 4; ++g) {
        gates[g][s] = row == nullptr ? 0.0F : row[g * model.hidden + j];
      }
    }
    Unit c{};
    if (t > 0) {
      add_recurrent(model, states.h, j, gates);
      c = states.c[j];
    }
    Unit h;
#pragma unroll
    for (int s = 0; s < kSequences; ++s) {
      const LstmUnit unit = lstm_unit(gates[0][s], gates[1][s], gates[2][s], gates[3][s], c.of[s]);
      c.of[s] = unit.c;
      h.of[s] = unit.h;
    }
    states.c[j] = c;
    states.next_h[j] = h;
  }
  __syncthreads();
}

/// A warp adds the head's products of a sequence.
__device__ void write_scores(const LstmScorer& model, const Unit* h, const Sequences& sequences, float* scores) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  for (int s = static_cast<int>(threadIdx.x) / kWarp; s < kSequences; s += static_cast<int>(blockDim.x) / kWarp) {
    float sum = 0.0F;
    for (int j = lane; j < model.hidden; j += kWarp) {
      sum = fmaf(model.head[j], h[j].of[s], sum);
    }
    for (int distance = kWarp / 2; distance > 0; distance /= 2) {
      sum += __shfl_down_sync(~0U, sum, distance);
    }
    if (lane == 0 && sequences.first + s < sequences.count) {
      scores[sequences.first + s] = sum + *model.head_bias;
    }
  }
}

__global__ void __launch_bounds__(kMostThreads)
    lstm_score_kernel(const __grid_constant__ LstmScorer model, const std::int32_t* tokens, std::int64_t n, int length,
                      float* scores, DeviceError* error) {
  extern __shared__ Unit shared[];
  States states{shared, shared + model.hidden, shared + 2 * model.hidden};
  const Sequences sequences{tokens, static_cast<std::int64_t>(blockIdx.x) * kSequences, n, length};
  for (int t = 0; t < length; ++t) {
    step(model, sequences, t, states, error);
    Unit* const before = states.h;
    states.h = states.next_h;
    states.next_h = before;
  }
  write_scores(model, states.h, sequences, scores);
}

__global__ void pack_recurrent_weights_kernel(const float* weights, int hidden, float4* packed) {
  const std::int64_t square = static_cast<std::int64_t>(hidden) * hidden;
  grid_stride(square, [=](std::int64_t i) {
    const float* const from = weights + i % hidden * hidden + i / hidden;  // unit j = i % hidden, state k = i / hidden
    packed[i] = {from[0], from[square], from[2 * square], from[3 * square]};
  });
}

bool is_valid(const LstmScorer& model) {
  if (model.hidden < 1 || model.kinds < 1 || model.kinds > LstmScorer::kMostKinds || model.recurrent == nullptr ||
      model.head == nullptr || model.head_bias == nullptr) {
    return false;
  }
  return std::all_of(model.tokens, model.tokens + model.kinds,
                     [](const TokenGates& kind) { return kind.rows != nullptr && kind.vocabulary > 0; });
}

}  // namespace

Status pack_recurrent_weights(const float* weights, int hidden, float* packed, cudaStream_t stream) {
  if (weights == nullptr || packed == nullptr || hidden < 1) {
    return invalid_argument("pack_recurrent_weights: an array is null, or hidden below 1");
  }
  pack_recurrent_weights_kernel<<<blocks_for(static_cast<std::int64_t>(hidden) * hidden), kBlockThreads, 0, stream>>>(
      weights, hidden, reinterpret_cast<float4*>(packed));
  return launched("pack_recurrent_weights");
}

Status lstm_score(const LstmScorer& model, const std::int32_t* tokens, std::int64_t n, int length, float* scores,
                  DeviceError* error, cudaStream_t stream) {
  constexpr std::int64_t kMostScores = std::int64_t{kSequences} << 30;
  if (!is_valid(model) || n < 0 || n > kMostScores || length < 1) {
    return invalid_argument("lstm_score: a part of the model is missing, or a size is not valid");
  }
  if (model.hidden > kMaxScoredHidden) {
    return unsupported("lstm_score: more than 500 hidden units");
  }
  if (n == 0) {
    return {};
  }
  if (tokens == nullptr || scores == nullptr) {
    return invalid_argument("lstm_score: tokens or scores is null");
  }
  const int threads = std::min((model.hidden + kWarp - 1) / kWarp * kWarp, kMostThreads);
  const auto blocks = static_cast<unsigned>((n + kSequences - 1) / kSequences);
  lstm_score_kernel<<<blocks, threads, state_bytes(model.hidden), stream>>>(model, tokens, n, length, scores, error);
  return launched("lstm_score");
}

}  // namespace bnas::cuda
