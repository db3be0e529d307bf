// SPDX-License-Identifier: Apache-2.0
// An item is a 64-bit key: what it is sorted by above, its number below. One instance of the sort serves all.
#include "bnas/cuda/sort.hpp"

#include <cub/device/device_radix_sort.cuh>

#include "bnas/portable/shuffle.hpp"
#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

using Key = std::uint64_t;
constexpr int kNumberBits = 32;
constexpr std::int64_t kMostItems = std::int64_t{1} << 31;

/// Keys of a float from the largest to the smallest, then NaN: the bits of a float order numbers of one sign.
__device__ std::uint32_t descending(float x) {
  constexpr std::uint32_t kSign = 0x80000000U;
  if (isnan(x)) {
    return ~0U;
  }
  const std::uint32_t bits = __float_as_uint(x + 0.0F);  // -0 becomes 0
  return (bits & kSign) != 0U ? bits : ~(bits | kSign);
}

__global__ void shuffle_keys_kernel(const __grid_constant__ RandomKey key, std::int64_t n, Key* keys) {
  grid_stride(n, [&](std::int64_t i) { keys[i] = shuffle_rank(key, static_cast<std::uint32_t>(i)); });
}

__global__ void score_keys_kernel(const float* scores, std::int64_t n, Key* keys) {
  grid_stride(
      n, [=](std::int64_t i) { keys[i] = Key{descending(scores[i])} << kNumberBits | static_cast<std::uint32_t>(i); });
}

__global__ void sorted_items_kernel(const Key* keys, std::int64_t n, const float* scores, std::int32_t* items,
                                    float* item_scores) {
  grid_stride(n, [=](std::int64_t i) {
    const auto item = static_cast<std::int32_t>(static_cast<std::uint32_t>(keys[i]));
    items[i] = item;
    if (item_scores != nullptr) {
      item_scores[i] = scores[item];
    }
  });
}

std::size_t key_bytes(std::int64_t n) {
  constexpr std::size_t kAlignment = 256;
  return (static_cast<std::size_t>(n) * sizeof(Key) + kAlignment - 1) / kAlignment * kAlignment;
}

/// Two arrays of keys, then what CUB wants.
struct Workspace {
  cub::DoubleBuffer<Key> keys;
  void* rest;
  std::size_t rest_bytes;

  Workspace(const Scratch& scratch, std::int64_t n)
      : keys(static_cast<Key*>(scratch.data), reinterpret_cast<Key*>(static_cast<char*>(scratch.data) + key_bytes(n))),
        rest(static_cast<char*>(scratch.data) + 2 * key_bytes(n)),
        rest_bytes(scratch.bytes - 2 * key_bytes(n)) {}
};

Status check_workspace(const Scratch& scratch, std::int64_t n, const char* op) {
  return scratch.data == nullptr || scratch.bytes < sort_workspace_bytes(n)
             ? Status{StatusCode::workspace_too_small, 0, op}
             : Status{};
}

/// Sorts by the upper half, which leaves equal ones in the order of their numbers. The keys stand in keys.Current().
Status sort(Workspace& workspace, std::int64_t n, cudaStream_t stream, const char* op) {
  return from_cuda(cub::DeviceRadixSort::SortKeys(workspace.rest, workspace.rest_bytes, workspace.keys,
                                                  static_cast<int>(n), kNumberBits, 2 * kNumberBits, stream),
                   op);
}

}  // namespace

std::size_t sort_workspace_bytes(std::int64_t n) {
  if (n <= 0 || n >= kMostItems) {
    return 0;
  }
  cub::DoubleBuffer<Key> keys;
  std::size_t rest = 0;
  cub::DeviceRadixSort::SortKeys(nullptr, rest, keys, static_cast<int>(n), kNumberBits, 2 * kNumberBits);
  return 2 * key_bytes(n) + rest;
}

Status shuffle(const RandomKey& key, std::int64_t n, std::int32_t* order, const Scratch& scratch, cudaStream_t stream) {
  if (n < 0 || n >= kMostItems || (n > 0 && order == nullptr)) {
    return invalid_argument("shuffle: order is null, or n is not in [0, 2^31)");
  }
  if (n == 0) {
    return {};
  }
  if (const Status status = check_workspace(scratch, n, "shuffle"); !status.ok()) {
    return status;
  }
  Workspace workspace(scratch, n);
  shuffle_keys_kernel<<<blocks_for(n), kBlockThreads, 0, stream>>>(key, n, workspace.keys.Current());
  if (const Status status = sort(workspace, n, stream, "shuffle"); !status.ok()) {
    return status;
  }
  sorted_items_kernel<<<blocks_for(n), kBlockThreads, 0, stream>>>(workspace.keys.Current(), n, nullptr, order,
                                                                   nullptr);
  return launched("shuffle");
}

Status top_k(const float* scores, std::int64_t n, std::int64_t k, std::int32_t* indices, float* top,
             const Scratch& scratch, cudaStream_t stream) {
  if (n < 0 || n >= kMostItems || k < 0 || k > n || (k > 0 && (scores == nullptr || indices == nullptr))) {
    return invalid_argument("top_k: scores or indices is null, n is not in [0, 2^31), or k not in [0, n]");
  }
  if (k == 0) {
    return {};
  }
  if (const Status status = check_workspace(scratch, n, "top_k"); !status.ok()) {
    return status;
  }
  Workspace workspace(scratch, n);
  score_keys_kernel<<<blocks_for(n), kBlockThreads, 0, stream>>>(scores, n, workspace.keys.Current());
  if (const Status status = sort(workspace, n, stream, "top_k"); !status.ok()) {
    return status;
  }
  sorted_items_kernel<<<blocks_for(k), kBlockThreads, 0, stream>>>(workspace.keys.Current(), k, scores, indices, top);
  return launched("top_k");
}

}  // namespace bnas::cuda
