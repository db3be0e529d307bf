// SPDX-License-Identifier: Apache-2.0
// Pools, joins, shape changes and maps.
#include "bnas/core/ops/structure.hpp"

#include <cmath>
#include <limits>

#include "bnas/portable/philox.hpp"
#include "support/oracles.hpp"

namespace bnas::test {
namespace {

/// Index into x of the first largest tap inside each window, by (pixel of y, channel).
std::vector<std::int64_t> first_maxima(const Array& x, int kernel, const ops::Geometry& g) {
  const Window window = window_of(x.shape, kernel, kernel, g);
  const std::int64_t c = x.shape[3];
  std::vector<std::int64_t> best(static_cast<std::size_t>(x.shape[0] * window.h.out * window.w.out * c), -1);
  for_each_tap(x.shape[0], window, [&](std::int64_t out, std::int64_t, std::int64_t pixel) {
    for (std::int64_t i = 0; pixel >= 0 && i < c; ++i) {
      std::int64_t& current = best[static_cast<std::size_t>(out * c + i)];
      if (current < 0 || x[pixel * c + i] > x[current]) {
        current = pixel * c + i;
      }
    }
  });
  return best;
}

Array max_pool_oracle(const Array& x, int kernel, const ops::Geometry& g) {
  const Window window = window_of(x.shape, kernel, kernel, g);
  Array y(Shape{x.shape[0], window.h.out, window.w.out, x.shape[3]});
  const auto best = first_maxima(x, kernel, g);
  for (std::int64_t i = 0; i < y.size(); ++i) {
    y[i] = x[best[static_cast<std::size_t>(i)]];
  }
  return y;
}

Array avg_pool_oracle(const Array& x, int kernel, const ops::Geometry& g) {
  const Window window = window_of(x.shape, kernel, kernel, g);
  const std::int64_t c = x.shape[3];
  Array y(Shape{x.shape[0], window.h.out, window.w.out, c});
  std::vector<double> taps(static_cast<std::size_t>(y.shape.rows()), 0.0);
  for_each_tap(x.shape[0], window, [&](std::int64_t out, std::int64_t, std::int64_t pixel) {
    for (std::int64_t i = 0; pixel >= 0 && i < c; ++i) {
      y[out * c + i] += x[pixel * c + i];
    }
    taps[static_cast<std::size_t>(out)] += pixel >= 0 ? 1.0 : 0.0;
  });
  for (std::int64_t i = 0; i < y.size(); ++i) {
    y[i] /= taps[static_cast<std::size_t>(i / c)];
  }
  return y;
}

struct PoolCase {
  const char* name;
  Shape x;
  int kernel;
  ops::Geometry geometry;
};

const std::vector<PoolCase> kPoolCases = {
    {"one_pixel", {1, 1, 1, 1}, 3, ops::Geometry::with_stride(1)},
    {"even_image_asymmetric_same", {1, 4, 4, 33}, 3, ops::Geometry::with_stride(2)},
    {"odd_image_odd_batch", {3, 7, 7, 32}, 3, ops::Geometry::with_stride(2)},
    {"stride_1", {1, 7, 4, 65}, 3, ops::Geometry::with_stride(1)},
    {"first_cell_of_a_network", {1, 28, 28, 31}, 3, ops::Geometry::with_stride(2)},
    {"explicit_even_window", {1, 7, 7, 96}, 2, ops::Geometry::explicit_pad(2, {0, 1}, {1, 0})},
    {"kernel_larger_than_image", {1, 4, 4, 64}, 7, ops::Geometry::with_stride(1)},
};

void add_pools(std::vector<OpCase>& cases) {
  for (const auto& [name, x, kernel, geometry] : kPoolCases) {
    for (const bool bits : {false, true}) {
      const std::string full_name = std::string(name) + (bits ? "_bits" : "");
      cases.push_back({.op = "max_pool",
                       .name = full_name,
                       .inputs = {bits ? Input::bits(x) : Input::distinct(x)},
                       .build = [k = kernel, g = geometry](Context& ctx,
                                                           const auto& in) { return ops::max_pool(ctx, in[0], k, g); },
                       .oracle = [k = kernel, g = geometry](const Arrays& in) { return max_pool_oracle(in[0], k, g); },
                       .result = bits ? DType::bit : DType::f32,
                       .reason = "a maximum is one of its values",
                       .gradient = Gradient::closed_form,
                       .closed_form =
                           [k = kernel, g = geometry](const Arrays& in, const Array& dy) {
                             Array dx(in[0].shape);
                             const auto best = first_maxima(in[0], k, g);
                             for (std::int64_t i = 0; i < dy.size(); ++i) {
                               dx[best[static_cast<std::size_t>(i)]] += dy[i];
                             }
                             return Arrays{dx};
                           }});
      cases.push_back({.op = "avg_pool",
                       .name = full_name,
                       .inputs = {bits ? Input::bits(x) : Input::real(x)},
                       .build = [k = kernel, g = geometry](Context& ctx,
                                                           const auto& in) { return ops::avg_pool(ctx, in[0], k, g); },
                       .oracle = [k = kernel, g = geometry](const Arrays& in) { return avg_pool_oracle(in[0], k, g); },
                       .tolerance = kMapTolerance,
                       .reason = kMapReason});
    }
  }
  for (const Shape& x : {Shape{1, 1, 1, 1}, Shape{3, 7, 7, 33}, Shape{1, 4, 7, 64}}) {
    for (const bool bits : {false, true}) {
      cases.push_back({.op = "global_avg_pool",
                       .name = std::to_string(x.numel()) + (bits ? "_bits" : "_reals"),
                       .inputs = {bits ? Input::bits(x) : Input::real(x)},
                       .build = [](Context& ctx, const auto& in) { return ops::global_avg_pool(ctx, in[0]); },
                       .oracle =
                           [](const Arrays& in) {
                             const Shape& s = in[0].shape;
                             Array y(Shape{s[0], s[3]});
                             for (std::int64_t i = 0; i < in[0].size(); ++i) {
                               y[i / (s[1] * s[2] * s[3]) * s[3] + i % s[3]] +=
                                   in[0][i] / static_cast<double>(s[1] * s[2]);
                             }
                             return y;
                           },
                       .tolerance = kMapTolerance,
                       .reason = kMapReason});
    }
  }
}

Array concat_oracle(const Arrays& in) {
  std::int64_t channels = 0, begin = 0;
  for (const Array& part : in) {
    channels += part.shape.channels();
  }
  Array y(in[0].shape.with_channels(channels));
  for (const Array& part : in) {
    const std::int64_t c = part.shape.channels();
    for (std::int64_t i = 0; i < part.size(); ++i) {
      y[i / c * channels + begin + i % c] = part[i];
    }
    begin += c;
  }
  return y;
}

/// Neighbours of word boundaries, so that packed rows start inside words.
void add_concats(std::vector<OpCase>& cases) {
  const auto concat = [&](const char* name, std::vector<Input> inputs, DType result) {
    cases.push_back({.op = "concat_channels",
                     .name = name,
                     .inputs = std::move(inputs),
                     .build = [](Context& ctx, const auto& in) { return ops::concat_channels(ctx, in); },
                     .oracle = concat_oracle,
                     .result = result});
  };
  concat("one_input", {Input::real({3, 5})}, DType::f32);
  concat("reals", {Input::real({3, 4, 4, 31}), Input::real({3, 4, 4, 2}), Input::real({3, 4, 4, 65})}, DType::f32);
  concat("bits_full_words", {Input::bits({1, 4, 4, 32}), Input::bits({1, 4, 4, 64})}, DType::bit);
  concat(
      "bits_inside_words",
      {Input::bits({3, 7, 7, 31}), Input::bits({3, 7, 7, 33}), Input::bits({3, 7, 7, 1}), Input::bits({3, 7, 7, 65})},
      DType::bit);
  concat("bits_with_reals_and_integers",
         {Input::bits({2, 33}), Input::real({2, 3}), Input::integers({2, 5}, DType::i16, -300, 300)}, DType::f32);
}

OpCase map_case(const char* op, const Input& input, Var (*function)(Context&, const Var&), double (*value)(double)) {
  return {.op = op,
          .name = std::to_string(input.shape.numel()) + "_values",
          .inputs = {input},
          .build = [function](Context& ctx, const auto& in) { return function(ctx, in[0]); },
          .oracle =
              [value](const Arrays& in) {
                Array y = in[0];
                for (double& element : y.values) {
                  element = value(element);
                }
                return y;
              },
          .tolerance = kMapTolerance,
          .reason = kMapReason};
}

void add_maps(std::vector<OpCase>& cases) {
  for (const Shape& shape : {Shape{1}, Shape{3, 7, 31}}) {  // an odd number of values ends inside a vector
    cases.push_back(map_case("relu", Input::real(shape), ops::relu, [](double x) { return x > 0.0 ? x : 0.0; }));
    cases.push_back(
        map_case("sigmoid", Input::real(shape), ops::sigmoid, [](double x) { return 1.0 / (1.0 + std::exp(-x)); }));
  }
  OpCase saturated = map_case("sigmoid", Input::listed({6}, {-100.0, -30.0, 0.0, -0.0, 30.0, 100.0}), ops::sigmoid,
                              [](double x) { return 1.0 / (1.0 + std::exp(-x)); });
  saturated.name = "saturated";
  cases.push_back(saturated);

  const Shape sums[] = {{1}, {3, 7, 33}};
  for (const Shape& shape : sums) {
    const std::pair<const char*, Input> seconds[] = {{"reals", Input::real(shape)}, {"bits", Input::bits(shape)}};
    for (const auto& [name, second] : seconds) {
      cases.push_back({.op = "add",
                       .name = std::to_string(shape.numel()) + "_" + name,
                       .inputs = {Input::real(shape), second},
                       .build = [](Context& ctx, const auto& in) { return ops::add(ctx, in[0], in[1]); },
                       .oracle =
                           [](const Arrays& in) {
                             Array y = in[0];
                             for (std::int64_t i = 0; i < y.size(); ++i) {
                               y[i] += in[1][i];
                             }
                             return y;
                           },
                       .tolerance = kMapTolerance,
                       .reason = kMapReason});
    }
  }
  // Bits keep their words, share none, or are packed anew; one pixel needs nothing.
  const std::pair<const char*, Input> flat[] = {{"reals", Input::real({3, 4, 4, 5})},
                                                {"integers", Input::integers({3, 2, 2, 5}, DType::i16, -9, 9)},
                                                {"bits_full_words", Input::bits({3, 4, 4, 64})},
                                                {"bits_inside_words", Input::bits({3, 4, 4, 33})},
                                                {"bits_one_pixel", Input::bits({3, 1, 1, 33})},
                                                {"nothing_to_do", Input::bits({3, 33})}};
  for (const auto& [name, input] : flat) {
    cases.push_back({.op = "flatten",
                     .name = name,
                     .inputs = {input},
                     .build = [](Context& ctx, const auto& in) { return ops::flatten(ctx, in[0]); },
                     .oracle =
                         [](const Arrays& in) {
                           Array y = in[0];
                           y.shape = Shape{y.shape[0], y.size() / y.shape[0]};
                           return y;
                         },
                     .result = input.dtype});
  }
}

/// The mask by its definition: element i of the pass's first random site is kept when its uniform number reaches rate.
Array dropout_oracle(const Arrays& in, float rate, bool rescale, bool training) {
  RandomKey key = RandomKey{7, 1, RandomPurpose::dropout}.derive(0);
  Array y = in[0];
  for (std::int64_t i = 0; training && i < y.size(); ++i) {
    const bool keep = key.uniform(static_cast<std::uint64_t>(i)) >= rate;
    y[i] = keep ? y[i] * (rescale ? 1.0 / (1.0 - rate) : 1.0) : 0.0;
  }
  return y;
}

void add_dropouts(std::vector<OpCase>& cases) {
  struct DropoutCase {
    const char* name;
    Input x;
    float rate;
    bool rescale;
    Mode mode;
  };
  const DropoutCase sizes[] = {
      {"one", Input::real({1}), 0.5F, true, Mode::train},
      {"rescaled", Input::real({3, 7, 31}), 0.2F, true, Mode::train},
      {"not_rescaled", Input::real({3, 7, 31}), 0.5F, false, Mode::train},
      {"of_bits", Input::bits({3, 33}), 0.5F, false, Mode::train},
      {"rate_0", Input::real({33}), 0.0F, true, Mode::train},
      {"eval_is_identity", Input::real({33}), 0.5F, false, Mode::eval},
  };
  for (const auto& [name, x, rate, rescale, mode] : sizes) {
    cases.push_back(
        {.op = "dropout",
         .name = name,
         .inputs = {x},
         .build = [r = rate, s = rescale](Context& ctx, const auto& in) { return ops::dropout(ctx, in[0], r, s); },
         .oracle = [r = rate, s = rescale,
                    train = mode == Mode::train](const Arrays& in) { return dropout_oracle(in, r, s, train); },
         .tolerance = kMapTolerance,
         .reason = kMapReason,
         .mode = mode});
  }
}

std::vector<OpCase> structure_cases() {
  std::vector<OpCase> cases;
  add_pools(cases);
  add_concats(cases);
  add_maps(cases);
  add_dropouts(cases);
  return cases;
}

OpCase rows_case(const std::string& name, const Input& x, bool and_back) {
  OpCase c;
  c.op = and_back ? "channels_to_rows" : "rows_to_channels";
  c.name = name;
  c.inputs = {x};
  const Shape images = x.shape;
  c.build = [and_back, images](Context& ctx, const std::vector<Var>& in) {
    const Var columns = ops::rows_to_channels(ctx, in[0]);
    return and_back ? ops::channels_to_rows(ctx, columns, images) : columns;
  };
  c.oracle = [and_back](const Arrays& in) {
    const Shape& s = in[0].shape;
    if (and_back) {
      return in[0];
    }
    Array y(Shape{s[0], s[2] * s[3], s[1]});
    for (std::int64_t i = 0; i < y.size(); ++i) {
      const std::int64_t h = i % s[1], rest = i / s[1] % (s[2] * s[3]), n = i / s[1] / (s[2] * s[3]);
      y[i] = in[0][(n * s[1] + h) * s[2] * s[3] + rest];
    }
    return y;
  };
  c.reason = "values are moved";
  c.gradient = Gradient::jacobian;
  return c;
}

const bool kRowsAdded = add_cases({
    rows_case("one", Input::real({1, 1, 1, 1}), false),
    rows_case("rows", Input::real({2, 5, 4, 33}), false),
    rows_case("integers", Input::integers({2, 3, 2, 5}, DType::i16, -300, 300), false),
    rows_case("there_and_back", Input::real({2, 4, 3, 17}), true),
});

const bool kAdded = add_cases(structure_cases());

}  // namespace
}  // namespace bnas::test
