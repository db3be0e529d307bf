// SPDX-License-Identifier: Apache-2.0
// A warp takes 32 channels of a row, one word of bits: lanes are channels, ballots are words.
#include "bnas/cuda/optimizer.hpp"

#include <algorithm>

#include "support/divide.cuh"
#include "support/launch.cuh"
#include "support/tensor_table.cuh"

namespace bnas::cuda {
namespace {

constexpr int kWarps = kBlockThreads / kWordBits;

using StepTable = TensorTable<ParameterStep, kStepParameters>;
constexpr std::size_t kOtherArguments = 64;  // block_words, a rule and a pointer
static_assert(sizeof(StepTable) + kOtherArguments <= 4096, "kernel arguments");

/// Rounds of the block over the words of its parameter. `update(i)` gives the new weight i.
template <class Update>
__device__ void step_weights(const ParameterStep& p, unsigned block, int block_words, Update update) {
  const int lane = static_cast<int>(threadIdx.x) % kWordBits;
  const std::int64_t row_words = words_for(p.channels);
  const std::int64_t first = static_cast<std::int64_t>(block) * block_words;
  const std::int64_t end = min(first + block_words, p.rows * row_words);
#pragma unroll 4
  for (std::int64_t word = first + threadIdx.x / kWordBits; word < end; word += kWarps) {
    const std::int64_t row = divide(word, row_words);
    const std::int64_t channel = (word - row * row_words) * kWordBits + lane;
    const bool inside = channel < p.channels;
    float w = 0.0F;
    if (inside) {
      const std::int64_t i = row * p.channels + channel;
      w = update(i);
      p.weight[i] = w;
    }
    if (p.bits != nullptr) {
      const Word signs = __ballot_sync(~0U, w < 0.0F);
      if (lane == 0) {
        p.bits[word] = signs;
      }
    }
    if (p.mask != nullptr) {
      const Word small = __ballot_sync(~0U, inside && fabsf(w) <= 1.0F);
      if (lane == 0) {
        p.mask[word] = small;
      }
    }
  }
}

__global__ void __launch_bounds__(kBlockThreads)
    adam_step_multi_kernel(const __grid_constant__ StepTable table, int block_words,
                           const __grid_constant__ AdamRule rule, const StepValues* step) {
  const auto [p, block] = entry_of_block(table);
  const float size = adam_step_size(step->lr * p.lr_multiplier, step->bias_correction);
  step_weights(p, block, block_words, [&, &p = p](std::int64_t i) {
    float* const v_max = p.slots[2] == nullptr ? nullptr : p.slots[2] + i;
    return clip_to(adam_update(rule, size, p.grad[i], p.weight[i], p.slots[0][i], p.slots[1][i], v_max), p.clip);
  });
}

__global__ void __launch_bounds__(kBlockThreads)
    sgd_step_multi_kernel(const __grid_constant__ StepTable table, int block_words,
                          const __grid_constant__ SgdRule rule, const StepValues* step) {
  const auto [p, block] = entry_of_block(table);
  const float rate = step->lr * p.lr_multiplier;
  step_weights(p, block, block_words, [&, &p = p](std::int64_t i) {
    float* const velocity = p.slots[0] == nullptr ? nullptr : p.slots[0] + i;
    return clip_to(sgd_update(rule, rate, p.grad[i], p.weight[i], velocity), p.clip);
  });
}

__global__ void __launch_bounds__(kBlockThreads)
    bop_step_multi_kernel(const __grid_constant__ StepTable table, int block_words,
                          const __grid_constant__ BopRule rule) {
  const auto [p, block] = entry_of_block(table);
  step_weights(p, block, block_words,
               [&, &p = p](std::int64_t i) { return bop_update(rule, p.grad[i], p.weight[i], p.slots[0][i]); });
}

bool are_valid(const ParameterStep* parameters, int count, int slots, const StepPolicy& policy) {
  if (count < 0 || (parameters == nullptr && count > 0) || policy.block_words < 1) {
    return false;
  }
  std::int64_t words = 0;
  for (int i = 0; i < count; ++i) {
    const ParameterStep& p = parameters[i];
    if (p.rows < 0 || p.channels < 0) {
      return false;
    }
    if (p.rows == 0 || p.channels == 0) {
      continue;
    }
    if (p.grad == nullptr || p.weight == nullptr || std::count(p.slots, p.slots + slots, nullptr) != 0) {
      return false;
    }
    words += p.rows * words_for(p.channels);
  }
  return words < (std::int64_t{1} << 31);  // so many blocks fit a grid whatever the policy
}

/// launch(table, blocks) for each table's worth of parameters.
template <class Launch>
void for_each_step_table(const ParameterStep* parameters, int count, const StepPolicy& policy, Launch launch) {
  const auto blocks_of = [&](const ParameterStep& p) {
    return static_cast<unsigned>((p.rows * words_for(p.channels) + policy.block_words - 1) / policy.block_words);
  };
  for_each_table<StepTable>(parameters, count, blocks_of, launch);
}

}  // namespace

Status adam_step(const ParameterStep* parameters, int count, const AdamRule& rule, const StepValues* step,
                 cudaStream_t stream, const StepPolicy& policy) {
  if (!are_valid(parameters, count, 2, policy) || step == nullptr) {
    return invalid_argument("adam_step: a pointer is null, a size negative, or there are 2^31 words or more");
  }
  for_each_step_table(parameters, count, policy, [&](const StepTable& table, unsigned blocks) {
    adam_step_multi_kernel<<<blocks, kBlockThreads, 0, stream>>>(table, policy.block_words, rule, step);
  });
  return launched("adam_step");
}

Status sgd_step(const ParameterStep* parameters, int count, const SgdRule& rule, const StepValues* step,
                cudaStream_t stream, const StepPolicy& policy) {
  if (!are_valid(parameters, count, rule.momentum == 0.0F ? 0 : 1, policy) || step == nullptr) {
    return invalid_argument("sgd_step: a pointer is null, a size negative, or there are 2^31 words or more");
  }
  for_each_step_table(parameters, count, policy, [&](const StepTable& table, unsigned blocks) {
    sgd_step_multi_kernel<<<blocks, kBlockThreads, 0, stream>>>(table, policy.block_words, rule, step);
  });
  return launched("sgd_step");
}

Status bop_step(const ParameterStep* parameters, int count, const BopRule& rule, cudaStream_t stream,
                const StepPolicy& policy) {
  if (!are_valid(parameters, count, 1, policy)) {
    return invalid_argument("bop_step: a pointer is null, a size negative, or there are 2^31 words or more");
  }
  for_each_step_table(parameters, count, policy, [&](const StepTable& table, unsigned blocks) {
    bop_step_multi_kernel<<<blocks, kBlockThreads, 0, stream>>>(table, policy.block_words, rule);
  });
  return launched("bop_step");
}

}  // namespace bnas::cuda
