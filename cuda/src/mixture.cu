// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/mixture.hpp"

#include "support/block_sum.cuh"
#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

/// First edge of an edge's group, and the one after its last.
struct Groups {
  unsigned char begin[kMostEdges], end[kMostEdges];
};

/// Softmax of alpha / temperature over the alive operations of one edge, number by number.
struct Softmax {
  const float *alpha, *alive;
  int operations;
  double temperature, most, sum;

  __device__ Softmax(const Mixture& m, int edge)
      : alpha(m.alpha + edge * m.operations),
        alive(m.alive + edge * m.operations),
        operations(m.operations),
        temperature(static_cast<double>(m.temperature)),
        most(-INFINITY),
        sum(0.0) {
    for (int k = 0; k < operations; ++k) {
      most = alive[k] != 0.0F ? fmax(most, static_cast<double>(alpha[k]) / temperature) : most;
    }
    for (int k = 0; k < operations; ++k) {
      sum += share(k);
    }
  }
  __device__ double share(int k) const {
    return alive[k] != 0.0F ? exp(static_cast<double>(alpha[k]) / temperature - most) : 0.0;
  }
  __device__ double operator()(int k) const { return sum > 0.0 ? share(k) / sum : 0.0; }
};

__device__ double edge_weight(const Mixture& m, const Groups& groups, int edge) {
  if (!m.edge_weights) {
    return 1.0;
  }
  double most = -INFINITY, sum = 0.0;
  for (int e = groups.begin[edge]; e < groups.end[edge]; ++e) {
    most = fmax(most, static_cast<double>(m.beta[e]));
  }
  for (int e = groups.begin[edge]; e < groups.end[edge]; ++e) {
    sum += exp(static_cast<double>(m.beta[e]) - most);
  }
  return exp(static_cast<double>(m.beta[edge]) - most) / sum;
}

/// A thread per edge.
__global__ void __launch_bounds__(kMostEdges)
    mixture_weights_kernel(const __grid_constant__ Mixture m, const __grid_constant__ Groups groups, float* y) {
  const int edge = static_cast<int>(threadIdx.x);
  if (edge >= m.edges) {
    return;
  }
  const double b = edge_weight(m, groups, edge);
  const Softmax p(m, edge);
  float* row = y + edge * (m.operations + 1);
  for (int k = 0; k < m.operations; ++k) {
    row[k] = static_cast<float>(b * p(k));
  }
  row[m.operations] = static_cast<float>(b);
}

__global__ void __launch_bounds__(kMostEdges)
    mixture_weights_backward_kernel(const __grid_constant__ Mixture m, const __grid_constant__ Groups groups,
                                    const float* dy, float* dalpha, bool add_alpha, float* dbeta, bool add_beta) {
  __shared__ double b[kMostEdges], db[kMostEdges];
  const int edge = static_cast<int>(threadIdx.x);
  if (edge < m.edges) {
    const float* upstream = dy + edge * (m.operations + 1);
    const Softmax p(m, edge);
    double mean = 0.0;  // of the upstream gradient under p
    for (int k = 0; k < m.operations; ++k) {
      mean += p(k) * static_cast<double>(upstream[k]);
    }
    b[edge] = edge_weight(m, groups, edge);
    db[edge] = mean + static_cast<double>(upstream[m.operations]);
    for (int k = 0; k < m.operations && dalpha != nullptr; ++k) {
      const double slope = b[edge] * p(k) * (static_cast<double>(upstream[k]) - mean) / p.temperature;
      write(dalpha + edge * m.operations + k, static_cast<float>(slope), add_alpha);
    }
  }
  __syncthreads();
  if (edge < m.edges && dbeta != nullptr) {
    double mean = 0.0;
    for (int e = groups.begin[edge]; e < groups.end[edge]; ++e) {
      mean += b[e] * db[e];
    }
    write(dbeta + edge, m.edge_weights ? static_cast<float>(b[edge] * (db[edge] - mean)) : 0.0F, add_beta);
  }
}

__global__ void __launch_bounds__(kMostEdges)
    entropy_gradient_kernel(const __grid_constant__ Mixture m, float weight, float* dalpha, bool accumulate) {
  const int edge = static_cast<int>(threadIdx.x);
  if (edge >= m.edges) {
    return;
  }
  const Softmax p(m, edge);
  double entropy = 0.0;
  for (int k = 0; k < m.operations; ++k) {
    entropy -= p(k) > 0.0 ? p(k) * log(p(k)) : 0.0;
  }
  for (int k = 0; k < m.operations; ++k) {  // dH/dz_k = -p_k (log p_k + H)
    const double slope = p(k) > 0.0 ? -p(k) * (log(p(k)) + entropy) : 0.0;
    write(dalpha + edge * m.operations + k,
          static_cast<float>(static_cast<double>(weight) / m.edges / p.temperature * slope), accumulate);
  }
}

__global__ void broadcast_entry_kernel(const float* entry, std::int64_t n, float* y) {
  const float value = *entry;
  grid_stride(n, [=](std::int64_t i) { y[i] = value; });
}

__global__ void __launch_bounds__(kBlockThreads)
    broadcast_entry_backward_kernel(const float* dy, std::int64_t n, std::int64_t index, std::int64_t entries,
                                    float* dtable, bool accumulate) {
  double sum = 0.0;
  for (std::int64_t i = threadIdx.x; i < n; i += kBlockThreads) {
    sum += static_cast<double>(dy[i]);
  }
  sum = block_sum<kBlockThreads>(sum);
  for (std::int64_t i = threadIdx.x; !accumulate && i < entries; i += kBlockThreads) {
    if (i != index) {
      dtable[i] = 0.0F;
    }
  }
  if (threadIdx.x == 0) {
    write(dtable + index, static_cast<float>(sum), accumulate);
  }
}

bool is_valid(const Mixture& m) {
  return m.edges >= 1 && m.edges <= kMostEdges && m.operations >= 1 && m.temperature > 0.0F && m.alpha != nullptr &&
         m.alive != nullptr;
}

Groups groups_of(const Mixture& m) {
  Groups groups{};
  for (int begin = 0, end = 0; begin < m.edges; begin = end) {
    for (end = begin; end < m.edges && m.groups[end] == m.groups[begin]; ++end) {
    }
    for (int e = begin; e < end; ++e) {
      groups.begin[e] = static_cast<unsigned char>(begin);
      groups.end[e] = static_cast<unsigned char>(end);
    }
  }
  return groups;
}

}  // namespace

Status mixture_weights(const Mixture& mixture, float* y, cudaStream_t stream) {
  if (!is_valid(mixture) || mixture.beta == nullptr || mixture.groups == nullptr || y == nullptr) {
    return invalid_argument("mixture_weights: an array is null, or edges, operations or temperature is out of range");
  }
  mixture_weights_kernel<<<1, kMostEdges, 0, stream>>>(mixture, groups_of(mixture), y);
  return launched("mixture_weights");
}

Status mixture_weights_backward(const Mixture& mixture, const float* dy, float* dalpha, bool add_alpha, float* dbeta,
                                bool add_beta, cudaStream_t stream) {
  if (!is_valid(mixture) || mixture.beta == nullptr || mixture.groups == nullptr || dy == nullptr) {
    return invalid_argument(
        "mixture_weights_backward: an array is null, or edges, operations or temperature is out of range");
  }
  mixture_weights_backward_kernel<<<1, kMostEdges, 0, stream>>>(mixture, groups_of(mixture), dy, dalpha, add_alpha,
                                                                dbeta, add_beta);
  return launched("mixture_weights_backward");
}

Status entropy_gradient(const Mixture& mixture, float weight, float* dalpha, bool accumulate, cudaStream_t stream) {
  if (!is_valid(mixture) || dalpha == nullptr) {
    return invalid_argument("entropy_gradient: an array is null, or edges, operations or temperature is out of range");
  }
  entropy_gradient_kernel<<<1, kMostEdges, 0, stream>>>(mixture, weight, dalpha, accumulate);
  return launched("entropy_gradient");
}

Status broadcast_entry(const float* entry, std::int64_t n, float* y, cudaStream_t stream) {
  if (n < 0 || (n > 0 && (entry == nullptr || y == nullptr))) {
    return invalid_argument("broadcast_entry: entry or y is null, or n is negative");
  }
  if (n == 0) {
    return {};
  }
  broadcast_entry_kernel<<<blocks_for(n), kBlockThreads, 0, stream>>>(entry, n, y);
  return launched("broadcast_entry");
}

Status broadcast_entry_backward(const float* dy, std::int64_t n, std::int64_t index, std::int64_t entries,
                                float* dtable, bool accumulate, cudaStream_t stream) {
  if (n < 0 || index < 0 || index >= entries || dtable == nullptr || (n > 0 && dy == nullptr)) {
    return invalid_argument("broadcast_entry_backward: dy or dtable is null, or index or n is out of range");
  }
  broadcast_entry_backward_kernel<<<1, kBlockThreads, 0, stream>>>(dy, n, index, entries, dtable, accumulate);
  return launched("broadcast_entry_backward");
}

}  // namespace bnas::cuda
