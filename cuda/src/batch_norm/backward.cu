// SPDX-License-Identifier: Apache-2.0
// Two passes over dy and x: sums per channel, then dx, which needs the sums over all rows. A block that sees all rows
// of its channels makes both; else the second pass is a launch of its own, since blocks cannot wait for others that may
// not be running.
#include "batch_norm/arguments.hpp"
#include "batch_norm/tile_sum.cuh"
#include "bnas/portable/batch_norm.hpp"

namespace bnas::cuda {
namespace {

constexpr int kChainRows = 32;             // of a thread are summed in float, the rest in double
constexpr int kSumBlocksPerProcessor = 3;  // at least: without it the compiler takes 128 registers on some
constexpr int kOneLaunchColumns = 4;       // narrow tiles: more blocks, fewer rows for each thread

struct BackwardArgs {
  const float* dy;
  std::int64_t dy_row;
  bool dy_vectors;  // quads of dy may be moved as one vector
  const Word* mask;
  KnownMoments moments;
  const float* gamma;
  float eps;
  bool frozen;
  NormGradient dx, dgamma, dbeta;
  float* mean_dy;       // (channels), where dx is wanted and not frozen: dbeta / n
  float* mean_dy_xhat;  // (channels): dgamma / n
};

/// Of a thread's four channels.
struct Constants {
  Four<float> mean, rstd, scale;

  template <class T>
  __device__ float xhat(T x, int i) const {
    return (static_cast<float>(x) - mean.v[i]) * rstd.v[i];
  }
};

/// All threads of the block call it.
__device__ Constants constants_of_column(const TileGrid& g, const TileThread& thread, const BackwardArgs& args) {
  const ColumnConstants found =
      column_constants(g, thread, [&](std::int64_t channel, float& mean, float& rstd, float& scale) {
        mean = args.moments.mean[channel];
        rstd = reciprocal_std(args.moments.variance[channel], args.eps);
        scale = args.gamma[channel] * rstd;
      });
  return {found.a, found.b, found.c};
}

/// dy' of a quad.
__device__ Four<float> masked_dy(const BackwardArgs& a, const TileThread& thread, const TileQuad& quad) {
  Quad from = quad;
  from.element = quad.row * a.dy_row + thread.channel;
  from.whole = quad.whole && a.dy_vectors;
  Four<float> dy = load(a.dy, from, 0.0F);
  if (a.mask != nullptr && quad.count > 0) {
    const Word word = a.mask[quad.word] >> quad.shift;
#pragma unroll
    for (int i = 0; i < kQuad; ++i) {
      dy.v[i] = (word >> i & 1U) != 0U ? dy.v[i] : 0.0F;
    }
  }
  return dy;
}

/// sums[0..3] = dbeta, sums[4..7] = dgamma of this thread's rows.
template <class T>
__device__ void add_rows(const TileGrid& g, const TileThread& thread, const BackwardArgs& a, const T* x,
                         const Constants& constants, double (&sums)[kTileSums]) {
  float chain[kTileSums] = {};
  const auto end_chain = [&] {
#pragma unroll
    for (int j = 0; j < kTileSums; ++j) {
      sums[j] += static_cast<double>(chain[j]);
      chain[j] = 0.0F;
    }
  };
  int length = 0;
  for_each_tile_row(g, thread, [&](const TileQuad& quad) {
    const Four<float> dy = masked_dy(a, thread, quad);
    const Four<T> four = load(x, quad, T{0});
#pragma unroll
    for (int i = 0; i < kQuad; ++i) {
      chain[i] += dy.v[i];
      chain[kQuad + i] += dy.v[i] * constants.xhat(four.v[i], i);
    }
    if (++length == kChainRows) {
      end_chain();
      length = 0;
    }
  });
  end_chain();
}

template <class T>
__device__ void write_dx(const TileGrid& g, const TileThread& thread, const BackwardArgs& a, const T* x,
                         const Constants& constants) {
  Four<float> mean_dy{};
  Four<float> mean_dy_xhat{};
#pragma unroll
  for (int i = 0; i < kQuad; ++i) {
    if (!a.frozen && i < thread.count) {
      mean_dy.v[i] = a.mean_dy[thread.channel + i];
      mean_dy_xhat.v[i] = a.mean_dy_xhat[thread.channel + i];
    }
  }
  for_each_tile_row(g, thread, [&](const TileQuad& quad) {
    const Four<float> dy = masked_dy(a, thread, quad);
    const Four<T> four = load(x, quad, T{0});
    Four<float> dx = a.dx.accumulate ? load<float>(a.dx.data, quad, 0.0F) : Four<float>{};
#pragma unroll
    for (int i = 0; i < kQuad; ++i) {
      const float centered = dy.v[i] - mean_dy.v[i] - constants.xhat(four.v[i], i) * mean_dy_xhat.v[i];
      write(dx.v + i, constants.scale.v[i] * centered, a.dx.accumulate);
    }
    store(a.dx.data, quad, dx);
  });
}

/// With one slice of rows it also makes dx.
template <class T>
__global__ void __launch_bounds__(kTileThreads, kSumBlocksPerProcessor)
    batch_norm_backward_sums_kernel(const __grid_constant__ TileGrid g, const __grid_constant__ BackwardArgs a,
                                    const T* x, double* partials, unsigned* tickets) {
  const TileThread thread(g);
  const Constants constants = constants_of_column(g, thread, a);
  double sums[kTileSums] = {};
  add_rows(g, thread, a, x, constants, sums);
  finish_tile_sum(g, thread, sums, partials, tickets, [&](std::int64_t channel, double dbeta, double dgamma) {
    if (a.dbeta.data != nullptr) {
      write(a.dbeta.data + channel, static_cast<float>(dbeta), a.dbeta.accumulate);
    }
    if (a.dgamma.data != nullptr) {
      write(a.dgamma.data + channel, static_cast<float>(dgamma), a.dgamma.accumulate);
    }
    if (a.mean_dy != nullptr) {
      a.mean_dy[channel] = static_cast<float>(dbeta / static_cast<double>(g.rows));
      a.mean_dy_xhat[channel] = static_cast<float>(dgamma / static_cast<double>(g.rows));
    }
  });
  if (g.slices == 1 && a.dx.data != nullptr) {
    __syncthreads();  // the means are there
    write_dx(g, thread, a, x, constants);
  }
}

template <class T>
__global__ void __launch_bounds__(kTileThreads)
    batch_norm_backward_apply_kernel(const __grid_constant__ TileGrid g, const __grid_constant__ BackwardArgs a,
                                     const T* x) {
  const TileThread thread(g);
  write_dx(g, thread, a, x, constants_of_column(g, thread, a));
}

/// The launches of a call and their grids.
struct Plan {
  bool sums, apply;
  TileGrid sums_grid, apply_grid;

  Plan(const BatchNormBackward& call, const BatchNormPolicy& policy) : sums_grid{}, apply_grid{} {
    const bool wants_dx = call.dx.data != nullptr;
    const NormInput& x = call.x;
    sums = call.dgamma.data != nullptr || call.dbeta.data != nullptr || (wants_dx && !call.frozen);
    const bool together = sums && wants_dx && x.rows <= policy.one_launch_rows;
    if (together) {
      sums_grid = tile_grid(x.rows, x.channels, {.columns = kOneLaunchColumns, .block_values = 1, .blocks = 1});
    } else if (sums) {
      sums_grid = tile_grid(x.rows, x.channels, {.block_values = policy.sum_values, .blocks = policy.sum_blocks});
    }
    apply = wants_dx && !(sums && sums_grid.slices == 1);
    if (apply) {
      apply_grid = tile_grid(x.rows, x.channels, {.block_values = policy.map_values, .blocks = policy.map_blocks});
    }
  }

  std::size_t partial_bytes() const { return sums ? tile_sum_bytes(sums_grid) : 0; }
};

std::size_t workspace_bytes(const BatchNormBackward& call, const Plan& plan) {
  const bool means = call.dx.data != nullptr && !call.frozen;
  return plan.partial_bytes() + (means ? 2 * static_cast<std::size_t>(call.x.channels) * sizeof(float) : 0);
}

bool is_valid(const BatchNormBackward& call) {
  return bnas::cuda::is_valid(call.x) && (call.dy_row == 0 || call.dy_row >= call.x.channels) &&
         (call.x.rows * call.x.channels == 0 || (call.dy != nullptr && call.moments.mean != nullptr &&
                                                 call.moments.variance != nullptr && call.gamma != nullptr));
}

}  // namespace

std::size_t batch_norm_backward_workspace_bytes(const BatchNormBackward& call, const BatchNormPolicy& policy) {
  return call.x.rows > 0 && call.x.channels > 0 ? workspace_bytes(call, Plan(call, policy)) : 0;
}

Status batch_norm_backward(const BatchNormBackward& call, const Scratch& scratch, cudaStream_t stream,
                           const BatchNormPolicy& policy) {
  if (!is_valid(call) || call.x.rows == 0) {
    return invalid_argument("batch_norm_backward: an array is null or a size is not valid");
  }
  if (call.x.channels == 0) {
    return {};
  }
  const Plan plan(call, policy);
  const std::size_t bytes = workspace_bytes(call, plan);
  if (scratch.bytes < bytes || (bytes > 0 && scratch.data == nullptr)) {
    return {StatusCode::workspace_too_small, 0, "batch_norm_backward"};
  }
  if (plan.sums && plan.sums_grid.slices > 1 && (scratch.tickets == nullptr || plan.sums_grid.tiles > kTickets)) {
    return invalid_argument("batch_norm_backward: no tickets, or more channels than tickets serve");
  }
  const std::int64_t dy_row = call.dy_row == 0 ? call.x.channels : call.dy_row;
  const bool dy_vectors = is_aligned(call.dy, sizeof(Four<float>)) && dy_row % kQuad == 0;
  BackwardArgs args{call.dy,     dy_row,  dy_vectors,  call.mask,  call.moments, call.gamma, call.eps,
                    call.frozen, call.dx, call.dgamma, call.dbeta, nullptr,      nullptr};
  if (call.dx.data != nullptr && !call.frozen) {
    args.mean_dy = reinterpret_cast<float*>(static_cast<char*>(scratch.data) + plan.partial_bytes());
    args.mean_dy_xhat = args.mean_dy + call.x.channels;
  }
  return with_number_type(call.x.type, [&](auto type) {
    using T = decltype(type);
    const T* x = static_cast<const T*>(call.x.x);
    if (plan.sums) {
      batch_norm_backward_sums_kernel<<<plan.sums_grid.grid(), kTileThreads, 0, stream>>>(
          plan.sums_grid, args, x, static_cast<double*>(scratch.data), scratch.tickets);
      if (const Status status = launched("batch_norm_backward"); !status.ok()) {
        return status;
      }
    }
    if (plan.apply) {
      batch_norm_backward_apply_kernel<<<plan.apply_grid.grid(), kTileThreads, 0, stream>>>(plan.apply_grid, args, x);
    }
    return launched("batch_norm_backward");
  });
}

}  // namespace bnas::cuda
