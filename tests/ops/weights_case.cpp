// SPDX-License-Identifier: Apache-2.0
// Signs with amplitudes. Their gradients are rules, not derivatives: they are compared with the rules' formulas.
#include "bnas/core/ops/weights.hpp"

#include <cmath>

#include "support/op_case.hpp"

namespace bnas::test {
namespace {

using Vars = std::vector<Var>;

double sign_of(double x) { return x < 0.0 ? -1.0 : 1.0; }

/// Filter of weight i: the first axis of (O,KH,KW,C) and (O,C), the last of (KH,KW,C).
std::int64_t filters_of(const Shape& w) { return w.rank() == 3 ? w[2] : w[0]; }
std::int64_t filter_of(const Shape& w, std::int64_t i) {
  return w.rank() == 3 ? i % w[2] : i / (w.numel() / filters_of(w));
}
std::int64_t tap_of(const Shape& w, std::int64_t i) { return i / w[-1] % (w[-3] * w[-2]); }

Array scales(const Array& w, bool per_filter) {
  Array a(Shape{per_filter ? filters_of(w.shape) : 1});
  for (std::int64_t i = 0; i < w.size(); ++i) {
    a[per_filter ? filter_of(w.shape, i) : 0] += std::fabs(w[i]) / static_cast<double>(w.size() / a.size());
  }
  return a;
}

Array signs(const Array& x) {
  Array y = x;
  for (double& value : y.values) {
    value = sign_of(value);
  }
  return y;
}

// Channels around a word; depthwise; a filter of one weight.
const std::vector<Shape> kWeights = {{1, 1, 1, 1}, {3, 3, 3, 33}, {5, 1, 1, 8}, {3, 3, 8}, {5, 5, 33}};

std::string name_of(const Shape& w) { return (w.rank() == 3 ? "depthwise_" : "dense_") + std::to_string(w.numel()); }

void add_scales(std::vector<OpCase>& cases) {
  std::vector<Shape> weights = kWeights;
  weights.push_back({10, 33});  // of a dense layer
  for (const Shape& w : weights) {
    for (const bool per_filter : {true, false}) {
      for (const float gain : {0.0F, 1.0F, 4.5F}) {
        OpCase c;
        c.op = "filter_scale";
        c.name = name_of(w) + (per_filter ? "_filters" : "_layer") + "_gain_" + std::to_string(static_cast<int>(gain));
        c.inputs = {gain == 0.0F ? Input::real(w).constant() : Input::real(w)};
        c.build = [per_filter, gain](Context& ctx, const Vars& in) {
          return ops::filter_scale(ctx, in[0], per_filter ? ops::ScaleScope::filter : ops::ScaleScope::layer, gain);
        };
        c.oracle = [per_filter](const Arrays& in) { return scales(in[0], per_filter); };
        c.tolerance = kSumTolerance;
        c.reason = kSumReason;
        // With gain 1 it is the derivative itself, away from 0.
        c.gradient = gain == 0.0F ? Gradient::none : gain == 1.0F ? Gradient::jacobian : Gradient::closed_form;
        c.closed_form = [per_filter, gain](const Arrays& in, const Array& dy) {
          Array dw(in[0].shape);
          for (std::int64_t i = 0; i < dw.size(); ++i) {
            const double n = static_cast<double>(dw.size() / dy.size());
            dw[i] = gain * sign_of(in[0][i]) / n * dy[per_filter ? filter_of(dw.shape, i) : 0];
          }
          return Arrays{dw};
        };
        cases.push_back(c);
      }
    }
  }
}

void add_latent_signs(std::vector<OpCase>& cases) {
  const std::pair<const char*, SignRule> rules[] = {{"constant_amplitude", {0.0F, 1.0F, 0.0F, false}},
                                                    {"amplitude_inside", {2.5F, 0.0F, 0.0F, false}},
                                                    {"open_gate", {2.5F, 0.0F, 0.5F, true}}};
  for (const Shape& w : kWeights) {
    for (const auto& [name, rule] : rules) {
      const auto add = [&, r = rule](const std::string& suffix, const Input& weights) {
        OpCase c;
        c.op = "latent_sign";
        c.name = name_of(w) + "_" + name + suffix;
        c.inputs = {weights, Input::real({filters_of(w)}).constant()};
        c.build = [r](Context& ctx, const Vars& in) { return ops::latent_sign(ctx, in[0], in[1].value, r); };
        c.oracle = [](const Arrays& in) { return signs(in[0]); };
        c.result = DType::bit;
        c.gradient = Gradient::closed_form;
        c.closed_form = [r](const Arrays& in, const Array& dy) {
          Array dw(in[0].shape);
          for (std::int64_t i = 0; i < dw.size(); ++i) {
            const double a = std::max(in[1][filter_of(dw.shape, i)], 1e-8);
            const double size = std::fabs(in[0][i]);
            const bool gate = r.open ? size < 1.0 : size <= 1.0;
            dw[i] = dy[i] * ((gate ? r.inside + r.inside_over_scale / a : 0.0) + r.over_scale / a);
          }
          return Arrays{dw};
        };
        cases.push_back(c);
      };
      add("", Input::real(w));
      if (w.numel() == 1) {  // both ends of the gate, both zeros
        for (const auto& [at, value] :
             {std::pair{"_at_1", 1.0}, {"_at_minus_1", -1.0}, {"_at_0", 0.0}, {"_at_minus_0", -0.0}}) {
          add(at, Input::listed(w, {value}));
        }
      }
    }
  }
}

/// Equations 3.51, 3.52, 3.55 and 3.56 of the PCNN chapter with one projection.
Arrays projection_gradients(const Arrays& in, const Array& dsign, double lambda, double eta) {
  const Array &c = in[0], &p = in[1];
  const double a = in[2][0];
  Array dc(c.shape), dp(p.shape);
  for (std::int64_t i = 0; i < c.size(); ++i) {
    const std::int64_t tap = tap_of(c.shape, i);
    const double delta = dsign[i] / a, mask = std::fabs(p[tap] * c[i]) <= 1.0 ? 1.0 : 0.0;
    const double moved = c[i] + eta * delta, residual = p[tap] * moved - a * sign_of(p[tap] * c[i]);
    dc[i] = delta * mask * p[tap] + lambda * residual * p[tap];
    dp[tap] += delta * mask * c[i] + lambda * residual * moved;
  }
  return {dc, dp};
}

void add_projections(std::vector<OpCase>& cases) {
  for (const Shape& w : kWeights) {
    for (const float lambda : {0.0F, 0.25F}) {
      OpCase c;
      c.op = "projected_sign";
      c.name = name_of(w) + (lambda == 0.0F ? "_task_alone" : "_with_projection_loss");
      c.inputs = {Input::real(w), Input::real({w[-3], w[-2]}), Input::listed({1}, {0.5}).constant()};
      c.build = [lambda](Context& ctx, const Vars& in) {
        return ops::projected_sign(ctx, in[0], in[1], in[2].value, {lambda, 0.5F});
      };
      c.oracle = [](const Arrays& in) {
        Array y = in[0];
        for (std::int64_t i = 0; i < y.size(); ++i) {
          y[i] = sign_of(in[0][i] * in[1][tap_of(y.shape, i)]);
        }
        return y;
      };
      c.result = DType::bit;
      c.gradient = Gradient::closed_form;
      c.closed_form = [lambda](const Arrays& in, const Array& dy) { return projection_gradients(in, dy, lambda, 0.5); };
      cases.push_back(c);
    }
    OpCase c;
    c.op = "amplitude_sign";
    c.name = name_of(w);
    c.inputs = {Input::real(w), Input::real({filters_of(w)})};
    c.build = [](Context& ctx, const Vars& in) { return ops::amplitude_sign(ctx, in[0], in[1], {0.25F, 0.125F}); };
    c.oracle = [](const Arrays& in) { return signs(in[0]); };
    c.result = DType::bit;
    c.gradient = Gradient::closed_form;
    c.closed_form = [](const Arrays& in, const Array& dy) {  // g_w and g_m of the scalar form, unit 1/4, lambda 1/8
      Array dw(in[0].shape), dm(in[1].shape);
      for (std::int64_t i = 0; i < dw.size(); ++i) {
        const std::int64_t filter = filter_of(dw.shape, i);
        const double m = std::fabs(in[1][filter]), w_i = in[0][i], g = dy[i] / (0.25 * m);
        const double residual = w_i - 0.25 * sign_of(w_i) * m;
        dw[i] = g * m + 0.125 * residual;
        dm[filter] += g * w_i - 0.125 * residual * 0.25 * sign_of(w_i);
      }
      return Arrays{dw, dm};
    };
    cases.push_back(c);
  }
}

std::vector<OpCase> weights_cases() {
  std::vector<OpCase> cases;
  add_scales(cases);
  add_latent_signs(cases);
  add_projections(cases);
  return cases;
}

const bool kAdded = add_cases(weights_cases());

}  // namespace
}  // namespace bnas::test
