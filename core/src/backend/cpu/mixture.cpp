// SPDX-License-Identifier: Apache-2.0
// Weights of a mixture: a few numbers per cell, in double.
#include "backend/cpu/mixture.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "backend/cpu/checks.hpp"

namespace bnas::cpu {
namespace {

using Doubles = std::vector<double>;

void write(float& to, double value, GradMode mode) {
  const auto rounded = static_cast<float>(value);
  to = mode == GradMode::accumulate ? to + rounded : rounded;
}

/// exp(x - max) / sum over those with `counts`; 0 for the others, and for all where none counts.
void softmax(const double* x, const std::function<bool(std::int64_t)>& counts, std::int64_t n, double* p) {
  double most = -HUGE_VAL, sum = 0.0;
  for (std::int64_t i = 0; i < n; ++i) {
    most = counts(i) ? std::max(most, x[i]) : most;
  }
  for (std::int64_t i = 0; i < n; ++i) {
    p[i] = counts(i) ? std::exp(x[i] - most) : 0.0;
    sum += p[i];
  }
  for (std::int64_t i = 0; i < n && sum > 0.0; ++i) {
    p[i] /= sum;
  }
}

/// p (E,K), of the alive operations.
Doubles operation_weights(const char* op, const Tensor& alpha, const Tensor& alive, float temperature) {
  expect(op, "alpha", alpha, DType::f32);
  expect(op, "alive", alive, DType::f32, alpha.shape());
  const std::int64_t k = alpha.shape().channels();
  Doubles p(static_cast<std::size_t>(alpha.numel()));
  Doubles row(static_cast<std::size_t>(k));
  for (std::int64_t e = 0; e < alpha.shape().rows(); ++e) {
    const float* values = alpha.data<float>() + e * k;
    const float* counted = alive.data<float>() + e * k;
    for (std::int64_t i = 0; i < k; ++i) {
      row[static_cast<std::size_t>(i)] = static_cast<double>(values[i]) / static_cast<double>(temperature);
    }
    softmax(
        row.data(), [&](std::int64_t i) { return counted[i] != 0.0F; }, k, p.data() + e * k);
  }
  return p;
}

/// End of the group that begins at edge `begin`.
std::int64_t group_end(const MixtureRule& rule, std::int64_t begin) {
  const auto edges = static_cast<std::int64_t>(rule.groups.size());
  std::int64_t end = begin + 1;
  while (end < edges && rule.groups[static_cast<std::size_t>(end)] == rule.groups[static_cast<std::size_t>(begin)]) {
    ++end;
  }
  return end;
}

/// b (E).
Doubles edge_weights(const char* op, const Tensor& beta, const MixtureRule& rule) {
  const auto edges = static_cast<std::int64_t>(rule.groups.size());
  expect(op, "beta", beta, DType::f32, Shape{edges});
  Doubles b(rule.groups.size(), 1.0);
  for (std::int64_t begin = 0, end = 0; rule.edge_weights && begin < edges; begin = end) {
    end = group_end(rule, begin);
    const Doubles row(beta.data<float>() + begin, beta.data<float>() + end);
    softmax(
        row.data(), [](std::int64_t) { return true; }, end - begin, b.data() + begin);
  }
  return b;
}

void expect_weights(const char* op, const char* name, const Tensor& y, const Tensor& alpha, const MixtureRule& rule) {
  const std::int64_t edges = alpha.shape().rows();
  if (edges != static_cast<std::int64_t>(rule.groups.size())) {
    throw_unexpected(op, "alpha", alpha, std::to_string(rule.groups.size()) + " rows, as the rule has edges");
  }
  expect(op, name, y, DType::f32, Shape{edges, alpha.shape().channels() + 1});
}

}  // namespace

void mixture_weights(Stream& /*stream*/, const Tensor& alpha, const Tensor& beta, const Tensor& alive,
                     const MixtureRule& rule, Tensor& y) {
  expect_weights("mixture_weights", "y", y, alpha, rule);
  const Doubles p = operation_weights("mixture_weights", alpha, alive, rule.temperature);
  const Doubles b = edge_weights("mixture_weights", beta, rule);
  const std::int64_t k = alpha.shape().channels();
  for (std::size_t e = 0; e < b.size(); ++e) {
    float* row = y.data<float>() + static_cast<std::int64_t>(e) * (k + 1);
    const double* weights = p.data() + static_cast<std::int64_t>(e) * k;
    for (std::int64_t i = 0; i < k; ++i) {
      row[i] = static_cast<float>(b[e] * weights[i]);
    }
    row[k] = static_cast<float>(b[e]);
  }
}

void mixture_weights_backward(Stream& /*stream*/, const Tensor& dy, const Tensor& alpha, const Tensor& beta,
                              const Tensor& alive, const MixtureRule& rule, Tensor& dalpha, GradMode alpha_mode,
                              Tensor& dbeta, GradMode beta_mode) {
  constexpr const char* kOp = "mixture_weights_backward";
  expect_weights(kOp, "dy", dy, alpha, rule);
  const Doubles p = operation_weights(kOp, alpha, alive, rule.temperature);
  const Doubles b = edge_weights(kOp, beta, rule);
  const std::int64_t k = alpha.shape().channels();
  Doubles db(b.size());
  for (std::size_t e = 0; e < b.size(); ++e) {
    const auto edge = static_cast<std::int64_t>(e);
    const float* upstream = dy.data<float>() + edge * (k + 1);
    double mean = 0.0;  // of the upstream gradient under p
    for (std::int64_t i = 0; i < k; ++i) {
      mean += p[static_cast<std::size_t>(edge * k + i)] * static_cast<double>(upstream[i]);
    }
    db[e] = mean + static_cast<double>(upstream[k]);
    for (std::int64_t i = 0; i < k && dalpha.defined(); ++i) {
      const double weight = p[static_cast<std::size_t>(edge * k + i)];
      write(dalpha.data<float>()[edge * k + i],
            b[e] * weight * (static_cast<double>(upstream[i]) - mean) / static_cast<double>(rule.temperature),
            alpha_mode);
    }
  }
  const auto edges = static_cast<std::int64_t>(b.size());
  for (std::int64_t begin = 0, end = 0; dbeta.defined() && begin < edges; begin = end) {
    end = group_end(rule, begin);
    double mean = 0.0;
    for (std::int64_t e = begin; e < end; ++e) {
      mean += b[static_cast<std::size_t>(e)] * db[static_cast<std::size_t>(e)];
    }
    for (std::int64_t e = begin; e < end; ++e) {
      const auto i = static_cast<std::size_t>(e);
      write(dbeta.data<float>()[e], rule.edge_weights ? b[i] * (db[i] - mean) : 0.0, beta_mode);
    }
  }
}

void entropy_gradient(Stream& /*stream*/, const Tensor& alpha, const Tensor& alive, float temperature, float weight,
                      Tensor& dalpha, GradMode mode) {
  const Doubles p = operation_weights("entropy_gradient", alpha, alive, temperature);
  expect("entropy_gradient", "dalpha", dalpha, DType::f32, alpha.shape());
  const std::int64_t k = alpha.shape().channels(), edges = alpha.shape().rows();
  const double share = static_cast<double>(weight) / static_cast<double>(edges) / static_cast<double>(temperature);
  for (std::int64_t e = 0; e < edges; ++e) {
    const double* row = p.data() + e * k;
    double entropy = 0.0;
    for (std::int64_t i = 0; i < k; ++i) {
      entropy -= row[i] > 0.0 ? row[i] * std::log(row[i]) : 0.0;
    }
    for (std::int64_t i = 0; i < k; ++i) {  // dH/dz_i = -p_i (log p_i + H)
      const double slope = row[i] > 0.0 ? -row[i] * (std::log(row[i]) + entropy) : 0.0;
      write(dalpha.data<float>()[e * k + i], share * slope, mode);
    }
  }
}

void broadcast_entry(Stream& /*stream*/, const Tensor& table, std::int64_t index, Tensor& y) {
  expect("broadcast_entry", "table", table, DType::f32);
  expect("broadcast_entry", "y", y, DType::f32);
  if (index < 0 || index >= table.numel()) {
    throw_unexpected("broadcast_entry", "table", table, "an entry " + std::to_string(index));
  }
  std::fill(y.data<float>(), y.data<float>() + y.numel(), table.data<float>()[index]);
}

void broadcast_entry_backward(Stream& /*stream*/, const Tensor& dy, std::int64_t index, Tensor& dtable, GradMode mode) {
  expect("broadcast_entry_backward", "dy", dy, DType::f32);
  expect("broadcast_entry_backward", "dtable", dtable, DType::f32);
  if (index < 0 || index >= dtable.numel()) {
    throw_unexpected("broadcast_entry_backward", "dtable", dtable, "an entry " + std::to_string(index));
  }
  if (mode == GradMode::overwrite) {
    std::fill(dtable.data<float>(), dtable.data<float>() + dtable.numel(), 0.0F);
  }
  double sum = 0.0;
  for (std::int64_t i = 0; i < dy.numel(); ++i) {
    sum += static_cast<double>(dy.data<float>()[i]);
  }
  write(dtable.data<float>()[index], sum, mode);
}

}  // namespace bnas::cpu
