// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <limits>
#include <span>

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
  constexpr int kMostOnes = 0xffff;  // 1 bits in a row of taps are kept as u16
  return plan.tile.words * plan.dims.kw <= kMostOnes / kWordBits &&
         SharedLayout(plan.dims, plan.tile, plan.variant, plan.threads).bytes <= policy.shared_bytes;
}

/// Sets the most channel words at a time that fit: all, else whole sectors, else fewer. False when not even one does.
bool choose_words(const BinaryConvPolicy& policy, BinaryConvPlan& plan) {
  constexpr int kSectorWords = 8;
  const auto all = static_cast<int>(words_for(plan.dims.c));
  const auto fit = [&](int words) {
    plan.tile.words = words;
    return fits(plan, policy);
  };
  if (fit(all)) {
    return true;
  }
  // The most of [low, high) steps that fit: memory grows with the words.
  const auto most = [&](int low, int high, int step) {
    while (high - low > 1) {
      const int middle = low + (high - low) / 2;
      (fit(middle * step) ? low : high) = middle;
    }
    return low * step;
  };
  int words = most(0, (all - 1) / kSectorWords + 1, kSectorWords);
  if (words == 0) {
    words = most(0, std::min(all, kSectorWords), 1);
  }
  plan.tile.words = words;
  return words > 0;
}

/// A tile that fits, and what it moves between L2 and multiprocessors.
struct Candidate {
  ConvTile tile;
  double bytes = 0.0;
};

/// Sizes are halved from one to the next, so that these are all but for policies of a million pixels.
using Candidates = std::array<Candidate, 64>;

/// Sets the tiles that fit and returns their number; with fewer than kGroupFilters filters only where nothing else
/// does.
std::size_t find_candidates(const BinaryConvPolicy& policy, BinaryConvPlan plan, Candidates& all) {
  const int most = std::min(policy.filters, (plan.dims.o + kGroupFilters - 1) / kGroupFilters * kGroupFilters);
  std::size_t count = 0;
  for (int filters = most; filters >= (count == 0 ? kFewestFilters : kGroupFilters);
       filters = filters / 2 / kFewestFilters * kFewestFilters) {
    ConvTile pixels = conv_tile(plan.dims, policy.pixels, filters);
    do {
      plan.tile = pixels;
      if (count < all.size() && choose_words(policy, plan)) {
        all[count++] = {plan.tile, conv_traffic(plan.dims, dot_bytes(plan.dims.k()), plan.tile)};
      }
    } while (shrink(plan.dims, pixels));
  }
  return count;
}

/// Of the tiles that move little more than they must, or than the best one does: that of the fewest bytes among those
/// with as many blocks as are wished for, else that of the most blocks. False when none fits.
bool choose_tile(const BinaryConvPolicy& policy, BinaryConvPlan& plan) {
  constexpr double kSlack = 1.2;
  Candidates storage;
  const std::span<const Candidate> all(storage.data(), find_candidates(policy, plan, storage));
  if (all.empty()) {
    return false;
  }
  const auto fewer_bytes = [](const Candidate& a, const Candidate& b) { return a.bytes < b.bytes; };
  const double best = std::min_element(all.begin(), all.end(), fewer_bytes)->bytes;
  const double least = conv_traffic(plan.dims, dot_bytes(plan.dims.k()), whole_tile(plan.dims));
  const double limit = kSlack * (best <= kSlack * least ? least : best);
  const auto blocks = [&](const Candidate& c) { return std::min<std::int64_t>(c.tile.blocks(), policy.blocks); };
  const Candidate* chosen = nullptr;
  for (const Candidate& c : all) {
    if (c.bytes <= limit && (chosen == nullptr || blocks(c) > blocks(*chosen) ||
                             (blocks(c) == blocks(*chosen) && fewer_bytes(c, *chosen)))) {
      chosen = &c;
    }
  }
  plan.tile = chosen->tile;
  return true;
}

/// Bytes of shared memory of a block, so that two of 256 threads, which the registers allow, share a multiprocessor;
/// on 7.5, with 64 KiB for all, one.
constexpr int shared_bytes_of(int compute_capability) {
  switch (compute_capability) {
    case 80:
    case 87:
      return 80 * 1024;
    case 90:
    case 100:
    case 103:
      return 110 * 1024;
    default:
      return 47 * 1024;
  }
}

}  // namespace

BinaryConvPolicy binary_conv2d_policy(BinaryConvVariant variant, int compute_capability) {
  if (variant == BinaryConvVariant::popcount) {
    return {};
  }
  return {.filters = 128, .threads = 256, .shared_bytes = shared_bytes_of(compute_capability)};
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
  if (!choose_tile(policy, plan)) {
    plan.status = unsupported("binary_conv2d: the kernel's window does not fit into shared memory");
    return plan;
  }
  if (plan.tile.blocks() > std::numeric_limits<std::int32_t>::max()) {
    plan.status = unsupported("binary_conv2d: more than 2^31 - 1 blocks");
  }
  plan.shared_bytes = static_cast<int>(SharedLayout(dims, plan.tile, variant, plan.threads).bytes);
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
