// SPDX-License-Identifier: Apache-2.0
// Weights of a mixture and what they weigh: softmax, gains, slopes, channels and pixels.
#include "bnas/core/ops/mixture.hpp"

#include <algorithm>
#include <cmath>

#include "bnas/portable/philox.hpp"
#include "support/op_case.hpp"

namespace bnas::test {
namespace {

using Vars = std::vector<Var>;

/// Values (rows, C) with a number per channel; rows and channels around vectors.
void add_channel_maps(std::vector<OpCase>& cases) {
  for (const Shape& shape : {Shape{1, 1}, Shape{3, 7, 7, 33}, Shape{64, 8}}) {
    const Input per_channel = Input::real({shape.channels()});
    const std::pair<const char*, Input> inputs[] = {{"reals", Input::real(shape)},
                                                    {"i8", Input::integers(shape, DType::i8, -49, 49)},
                                                    {"i16", Input::integers(shape, DType::i16, -900, 900)},
                                                    {"i32", Input::integers(shape, DType::i32, -70000, 70000)}};
    for (const auto& [name, x] : inputs) {
      cases.push_back({.op = "scale_channels",
                       .name = std::to_string(shape.numel()) + "_" + name,
                       .inputs = {x, per_channel},
                       .build = [](Context& ctx, const Vars& in) { return ops::scale_channels(ctx, in[0], in[1]); },
                       .oracle =
                           [](const Arrays& in) {
                             Array y = in[0];
                             for (std::int64_t i = 0; i < y.size(); ++i) {
                               y[i] *= in[1][i % in[1].size()];
                             }
                             return y;
                           },
                       .tolerance = kMapTolerance,
                       .reason = kMapReason});
    }
    cases.push_back({.op = "prelu",
                     .name = std::to_string(shape.numel()) + "_values",
                     .inputs = {Input::real(shape), per_channel},
                     .build = [](Context& ctx, const Vars& in) { return ops::prelu(ctx, in[0], in[1]); },
                     .oracle =
                         [](const Arrays& in) {
                           Array y = in[0];
                           for (std::int64_t i = 0; i < y.size(); ++i) {
                             y[i] *= y[i] > 0.0 ? 1.0 : in[1][i % in[1].size()];
                           }
                           return y;
                         },
                     .tolerance = kMapTolerance,
                     .reason = kMapReason});
  }
  for (const std::size_t count : {1U, 2U, 5U}) {
    cases.push_back({.op = "sum",
                     .name = std::to_string(count) + "_inputs",
                     .inputs = std::vector<Input>(count, Input::real({3, 7, 33})),
                     .build = [](Context& ctx, const Vars& in) { return ops::sum(ctx, in); },
                     .oracle =
                         [](const Arrays& in) {
                           Array y(in[0].shape);
                           for (const Array& x : in) {
                             for (std::int64_t i = 0; i < y.size(); ++i) {
                               y[i] += x[i];
                             }
                           }
                           return y;
                         },
                     .tolerance = kMapTolerance,
                     .reason = kMapReason});
  }
}

/// y[e,k] = b[e] p[e,k], y[e,K] = b[e], from the definitions of both softmaxes.
Array mixture_oracle(const Arrays& in, const MixtureRule& rule) {
  const Array &alpha = in[0], &beta = in[1], &alive = in[2];
  const std::int64_t edges = alpha.shape[0], k = alpha.shape[1];
  Array y(Shape{edges, k + 1});
  for (std::int64_t e = 0; e < edges; ++e) {
    double siblings = 0.0, all = 0.0;
    for (std::int64_t f = 0; f < edges; ++f) {
      if (rule.groups[static_cast<std::size_t>(f)] == rule.groups[static_cast<std::size_t>(e)]) {
        siblings += std::exp(beta[f]);
      }
    }
    const double b = rule.edge_weights ? std::exp(beta[e]) / siblings : 1.0;
    for (std::int64_t i = 0; i < k; ++i) {
      all += alive[e * k + i] * std::exp(alpha[e * k + i] / rule.temperature);
    }
    for (std::int64_t i = 0; i < k; ++i) {
      const double share = alive[e * k + i] * std::exp(alpha[e * k + i] / rule.temperature);
      y[e * (k + 1) + i] = share > 0.0 ? b * share / all : 0.0;
    }
    y[e * (k + 1) + k] = b;
  }
  return y;
}

void add_mixture(std::vector<OpCase>& cases, const char* name, const MixtureRule& rule, std::int64_t operations,
                 const std::vector<double>& alive = {}) {
  const auto edges = static_cast<std::int64_t>(rule.groups.size());
  const Shape shape{edges, operations};
  const std::vector<double> mask =
      alive.empty() ? std::vector<double>(static_cast<std::size_t>(shape.numel()), 1.0) : alive;
  cases.push_back(
      {.op = "mixture_weights",
       .name = name,
       .inputs = {Input::real(shape), Input::real({edges}), Input::listed(shape, mask).constant()},
       .build = [rule](Context& ctx,
                       const Vars& in) { return ops::mixture_weights(ctx, in[0], in[1], in[2].value, rule); },
       .oracle = [rule](const Arrays& in) { return mixture_oracle(in, rule); },
       .tolerance = kMapTolerance,
       .reason = kMapReason});
}

void add_mixtures(std::vector<OpCase>& cases) {
  const std::vector<std::int32_t> cell{0, 0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3};
  add_mixture(cases, "one_edge_one_operation", {{0}}, 1);
  add_mixture(cases, "cell_of_four_nodes", {cell}, 8);
  add_mixture(cases, "sharpened", {cell, 0.25F}, 8);
  add_mixture(cases, "equal_edges", {cell, 1.0F, false}, 8);
  add_mixture(cases, "some_dead", {{0, 0, 1}}, 3, {1, 0, 1, 0, 1, 0, 0, 0, 0});  // one alive, and none at all
  for (const auto& [index, count] : {std::pair<std::int64_t, std::int64_t>{0, 1}, {7, 33}, {8, 64}}) {
    cases.push_back({.op = "broadcast_entry",
                     .name = "entry_" + std::to_string(index),
                     .inputs = {Input::real({3, 3})},
                     .build = [i = index, n = count](Context& ctx,
                                                     const Vars& in) { return ops::broadcast_entry(ctx, in[0], i, n); },
                     .oracle =
                         [i = index, n = count](const Arrays& in) {
                           Array y(Shape{n});
                           std::fill(y.values.begin(), y.values.end(), in[0][i]);
                           return y;
                         }});
  }
}

void add_channel_moves(std::vector<OpCase>& cases) {
  struct Slice {
    std::int64_t channels, begin, width;
  };
  for (const auto& [channels, begin, width] : {Slice{1, 0, 1}, {16, 0, 4}, {16, 4, 12}, {33, 31, 2}, {33, 5, 17}}) {
    cases.push_back(
        {.op = "slice_channels",
         .name = std::to_string(begin) + "_and_" + std::to_string(width) + "_of_" + std::to_string(channels),
         .inputs = {Input::real({3, 5, 7, channels})},
         .build = [b = begin, w = width](Context& ctx,
                                         const Vars& in) { return ops::slice_channels(ctx, in[0], b, w); },
         .oracle =
             [b = begin, w = width](const Arrays& in) {
               Array y(in[0].shape.with_channels(w));
               for (std::int64_t i = 0; i < y.size(); ++i) {
                 y[i] = in[0][i / w * in[0].shape.channels() + b + i % w];
               }
               return y;
             }});
  }
  for (const auto& [channels, groups] :
       {std::pair<std::int64_t, std::int64_t>{1, 1}, {8, 2}, {64, 4}, {33, 3}, {5, 5}}) {
    cases.push_back(
        {.op = "shuffle_channels",
         .name = std::to_string(groups) + "_of_" + std::to_string(channels),
         .inputs = {Input::real({3, 5, 7, channels})},
         .build = [g = groups](Context& ctx, const Vars& in) { return ops::shuffle_channels(ctx, in[0], g); },
         .oracle =
             [g = groups](const Arrays& in) {
               Array y(in[0].shape);
               const std::int64_t c = y.shape.channels(), width = c / g;
               for (std::int64_t i = 0; i < y.size(); ++i) {
                 y[i / c * c + i % c % width * g + i % c / width] = in[0][i];
               }
               return y;
             }});
  }
}

Array take(const Array& x, const PixelGrid& grid) {
  const std::int64_t c = x.shape[3];
  Array y(Shape{x.shape[0], grid.count(x.shape[1], grid.begin_h), grid.count(x.shape[2], grid.begin_w), c});
  for (std::int64_t i = 0; i < y.size(); ++i) {
    const std::int64_t column = i / c % y.shape[2], row = i / c / y.shape[2] % y.shape[1],
                       n = i / c / y.shape[2] / y.shape[1];
    y[i] =
        x[((n * x.shape[1] + grid.begin_h + row * grid.stride) * x.shape[2] + grid.begin_w + column * grid.stride) * c +
          i % c];
  }
  return y;
}

/// Even and odd images, a grid of one pixel, and every type that a convolution gives or takes.
void add_pixel_moves(std::vector<OpCase>& cases) {
  const std::pair<const char*, Input> inputs[] = {{"reals", Input::real({3, 7, 4, 5})},
                                                  {"bits", Input::bits({3, 7, 4, 33})},
                                                  {"i8", Input::integers({3, 7, 4, 5}, DType::i8, -9, 9)},
                                                  {"i16", Input::integers({3, 7, 4, 5}, DType::i16, -300, 300)},
                                                  {"two_rows", Input::real({1, 2, 3, 8})},
                                                  {"one_pixel", Input::real({2, 1, 1, 8})}};
  for (const auto& [name, x] : inputs) {
    const PixelGrid grid{2, x.shape[1] > 1 ? 1 : 0, 0};
    cases.push_back({.op = "take_pixels",
                     .name = name,
                     .inputs = {x},
                     .build = [grid](Context& ctx, const Vars& in) { return ops::take_pixels(ctx, in[0], grid); },
                     .oracle = [grid](const Arrays& in) { return take(in[0], grid); },
                     .result = x.dtype});
    cases.push_back({.op = "merge_pixels",
                     .name = name,
                     .inputs = {x},
                     .build =
                         [](Context& ctx, const Vars& in) {
                           Vars parts;
                           const std::int64_t h = in[0].shape()[1], w = in[0].shape()[2];
                           for (int y = 0; y < std::min<std::int64_t>(2, h); ++y) {
                             for (int column = 0; column < std::min<std::int64_t>(2, w); ++column) {
                               parts.push_back(ops::take_pixels(ctx, in[0], {2, y, column}));
                             }
                           }
                           return ops::merge_pixels(ctx, parts, 2, h, w);
                         },
                     .oracle = [](const Arrays& in) { return in[0]; },
                     .result = x.dtype});
  }
}

void add_sample_drops(std::vector<OpCase>& cases) {
  for (const auto& [name, rate, mode] : {std::tuple{"train", 0.3F, Mode::train},
                                         {"rate_0", 0.0F, Mode::train},
                                         {"eval_is_identity", 0.3F, Mode::eval}}) {
    cases.push_back({.op = "drop_samples",
                     .name = name,
                     .inputs = {Input::real({9, 3, 3, 5})},
                     .build = [r = rate](Context& ctx, const Vars& in) { return ops::drop_samples(ctx, in[0], r); },
                     .oracle =
                         [r = rate, train = mode == Mode::train](const Arrays& in) {
                           const RandomKey key = RandomKey{7, 1, RandomPurpose::dropout}.derive(0);
                           Array y = in[0];
                           for (std::int64_t i = 0; train && i < y.size(); ++i) {
                             const bool keep = key.uniform(static_cast<std::uint64_t>(i / 45)) >= r;
                             y[i] = keep ? y[i] / (1.0 - r) : 0.0;
                           }
                           return y;
                         },
                     .tolerance = kMapTolerance,
                     .reason = kMapReason,
                     .mode = mode});
  }
}

std::vector<OpCase> mixture_cases() {
  std::vector<OpCase> cases;
  add_channel_maps(cases);
  add_mixtures(cases);
  add_channel_moves(cases);
  add_pixel_moves(cases);
  add_sample_drops(cases);
  return cases;
}

const bool kAdded = add_cases(mixture_cases());

}  // namespace
}  // namespace bnas::test
