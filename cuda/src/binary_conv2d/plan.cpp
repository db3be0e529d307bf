// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <limits>

#include "binary_conv2d/shared_layout.hpp"
#include "bnas/cuda/binary_conv2d.hpp"

namespace bnas::cuda {
namespace {

constexpr int kLongestSide = 255;  // sides of valid windows are kept in bytes
constexpr int kFirstWithoutBits = 100;
constexpr int kFewestFilters = 8;

Status check(const Conv2dDims& d) {
  if (d.n < 1 || d.h < 1 || d.w < 1 || d.c < 1 || d.o < 1 || d.kh < 1 || d.kw < 1 || d.stride_h < 1 || d.stride_w < 1) {
    return invalid_argument("binary_conv2d: every dimension and stride must be at least 1");
  }
  if (d.h + d.pad_h.begin + d.pad_h.end < d.kh || d.w + d.pad_w.begin + d.pad_w.end < d.kw) {
    return invalid_argument("binary_conv2d: the kernel is larger than the padded image");
  }
  if (d.kh > kLongestSide || d.kw > kLongestSide) {
    return unsupported("binary_conv2d: a side of the kernel is longer than 255");
  }
  if (std::int64_t{d.kh} * d.kw * d.c > std::numeric_limits<std::int32_t>::max()) {
    return unsupported("binary_conv2d: more than 2^31 - 1 products per output");
  }
  return {};
}

bool fits(const BinaryConvPlan& plan, const BinaryConvPolicy& policy) {
  return SharedLayout(plan.dims, plan.tile, plan.variant).bytes <= policy.shared_bytes;
}

/// The most channel words at a time that fit; whole fragments of 8 words where several chunks are needed.
void choose_words(const BinaryConvPolicy& policy, BinaryConvPlan& plan) {
  const auto words = static_cast<int>(words_for(plan.dims.c));
  int& chunk = plan.tile.words;
  for (chunk = words; chunk > 1 && !fits(plan, policy);) {
    chunk = chunk > 16 ? (chunk / 2 + 7) / 8 * 8 : chunk - 1;
  }
}

}  // namespace

BinaryConvPolicy binary_conv2d_policy(BinaryConvVariant variant, int /*compute_capability*/) {
  BinaryConvPolicy policy;
  if (variant != BinaryConvVariant::popcount) {
    policy.filters = 64;
  }
  return policy;
}

BinaryConvPlan plan_binary_conv2d(const Conv2dDims& dims, int compute_capability) {
  return plan_binary_conv2d(dims, compute_capability, BinaryConvVariant::automatic);
}

BinaryConvPlan plan_binary_conv2d(const Conv2dDims& dims, int compute_capability, BinaryConvVariant variant) {
  if (variant == BinaryConvVariant::automatic) {
    variant = dims.c < BinaryConvPolicy{}.tensor_channels ? BinaryConvVariant::popcount
              : compute_capability < kFirstWithoutBits    ? BinaryConvVariant::tensor_b1
                                                          : BinaryConvVariant::tensor_s8;
  }
  return plan_binary_conv2d(dims, compute_capability, variant, binary_conv2d_policy(variant, compute_capability));
}

BinaryConvPlan plan_binary_conv2d(const Conv2dDims& dims, int compute_capability, BinaryConvVariant variant,
                                  const BinaryConvPolicy& policy) {
  BinaryConvPlan plan{.status = check(dims),
                      .dims = dims,
                      .variant = variant,
                      .compute_capability = compute_capability,
                      .threads = policy.threads,
                      .tile = {}};
  if (plan.status.ok() && (policy.threads < 32 || policy.threads > kMostThreads || policy.threads % 32 != 0 ||
                           policy.filters % 32 != 0 || policy.filters < 32 || policy.pixels < 1)) {
    plan.status = invalid_argument("binary_conv2d: a policy of threads, filters or pixels that no kernel takes");
  }
  if (variant == BinaryConvVariant::automatic) {
    plan.status = invalid_argument("binary_conv2d: a policy needs a variant");
  }
  if (!plan.status.ok()) {
    return plan;
  }
  if (variant == BinaryConvVariant::tensor_b1 && compute_capability >= kFirstWithoutBits) {
    plan.status = unsupported("binary_conv2d: no 1-bit tensor instruction from compute capability 10.0 on");
    return plan;
  }
  const int filters = std::min(policy.filters, (dims.o + 31) / 32 * 32);
  plan.tile = conv_tile(dims, policy.pixels, filters);
  while (!fits(plan, policy)) {  // with one channel word at a time
    if (shrink(dims, plan.tile)) {
      continue;
    }
    if (plan.tile.filters == kFewestFilters) {
      plan.status = unsupported("binary_conv2d: the kernel's window does not fit into shared memory");
      return plan;
    }
    plan.tile = conv_tile(dims, policy.pixels, plan.tile.filters / 2);
  }
  spread(dims, policy.blocks, dot_bytes(dims.k()), plan.tile);
  choose_words(policy, plan);
  if (plan.tile.blocks() > std::numeric_limits<std::int32_t>::max()) {
    plan.status = unsupported("binary_conv2d: more than 2^31 - 1 blocks");
  }
  plan.shared_bytes = static_cast<int>(SharedLayout(dims, plan.tile, variant).bytes);
  return plan;
}

KernelInfo binary_conv2d_info(const BinaryConvPlan& plan) {
  KernelInfo info{.variant = "popcount: xor and popc",
                  .blocks = static_cast<int>(plan.tile.blocks()),
                  .threads = plan.threads,
                  .shared_bytes = plan.shared_bytes,
                  .tile_pixels = plan.tile.pixels(),
                  .tile_filters = plan.tile.filters};
  if (plan.variant == BinaryConvVariant::tensor_b1) {
    info.variant =
        plan.compute_capability < 80 ? "tensor_b1: mma m8n8k128 xor.popc" : "tensor_b1: mma m16n8k256 and.popc";
  } else if (plan.variant == BinaryConvVariant::tensor_s8) {
    info.variant = plan.compute_capability < 80 ? "tensor_s8: mma m8n8k16 s8" : "tensor_s8: mma m16n8k32 s8";
  }
  return info;
}

}  // namespace bnas::cuda
