// SPDX-License-Identifier: Apache-2.0
// Floating-point instructions against the host's arithmetic, which is IEEE 754 as the device's.
#include <algorithm>
#include <cfenv>

#include "ptx/types.hpp"
#include "tests/core/instruction_case.hpp"

namespace bnas::emu::test {
namespace {

enum class Rounding { rz, rm, rp };

using FloatFunction = std::function<float(float, float, float)>;
using DoubleFunction = std::function<double(double, double, double)>;

InstructionCase of_floats(const std::string& text, FloatFunction f) {
  return {text, [f](Bits a, Bits b, Bits c) { return bits_of(f(as_float(a), as_float(b), as_float(c))); }};
}
InstructionCase of_doubles(const std::string& text, DoubleFunction f) {
  return {text, [f](Bits a, Bits b, Bits c) { return bits_of(f(as_double(a), as_double(b), as_double(c))); }};
}

float flush(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0F, x) : x; }

/// A number rather than a NaN, and +0 above -0.
template <class F>
F least(F a, F b) {
  return std::isnan(a) ? b : std::isnan(b) ? a : a == b ? (std::signbit(a) ? a : b) : std::min(a, b);
}
template <class F>
F greatest(F a, F b) {
  return -least(-a, -b);
}

/// The float next to an exact double in the direction that a rounding mode takes.
float rounded(long double exact, Rounding mode) {
  const float nearest = static_cast<float>(exact);
  if (std::isnan(nearest) || static_cast<long double>(nearest) == exact) {
    return nearest;
  }
  const bool above = static_cast<long double>(nearest) > exact;
  const bool wants_above = mode == Rounding::rp || (mode == Rounding::rz && exact < 0);
  return above == wants_above ? nearest : std::nextafter(nearest, wants_above ? INFINITY : -INFINITY);
}

TEST(FloatInstructions, SinglePrecision) {
  expect_instructions(
      {
          of_floats("add.rn.f32 %d32, %a32, %b32;", [](float a, float b, float) { return a + b; }),
          of_floats("sub.f32 %d32, %a32, %b32;", [](float a, float b, float) { return a - b; }),
          of_floats("mul.rn.f32 %d32, %a32, %b32;", [](float a, float b, float) { return a * b; }),
          of_floats("div.rn.f32 %d32, %a32, %b32;", [](float a, float b, float) { return a / b; }),
          of_floats("fma.rn.f32 %d32, %a32, %b32, %c32;", [](float a, float b, float c) { return std::fma(a, b, c); }),
          of_floats("add.f32 %d32, %a32, 0f3F800000;", [](float a, float, float) { return a + 1.0F; }),
          of_floats("min.f32 %d32, %a32, %b32;", [](float a, float b, float) { return least(a, b); }),
          of_floats("max.f32 %d32, %a32, %b32;", [](float a, float b, float) { return greatest(a, b); }),
          of_floats("min.NaN.f32 %d32, %a32, %b32;",
                    [](float a, float b, float) { return std::isnan(a) || std::isnan(b) ? NAN : least(a, b); }),
          of_floats("neg.f32 %d32, %a32;", [](float a, float, float) { return -a; }),
          of_floats("abs.f32 %d32, %a32;", [](float a, float, float) { return std::fabs(a); }),
          of_floats("copysign.f32 %d32, %a32, %b32;", [](float a, float b, float) { return std::copysign(b, a); }),
          of_floats("add.ftz.f32 %d32, %a32, %b32;",
                    [](float a, float b, float) { return flush(flush(a) + flush(b)); }),
          of_floats("fma.rn.ftz.f32 %d32, %a32, %b32, %c32;",
                    [](float a, float b, float c) { return flush(std::fma(flush(a), flush(b), flush(c))); }),
          of_floats(
              "add.sat.f32 %d32, %a32, %b32;",
              [](float a, float b, float) { return std::isnan(a + b) ? 0.0F : std::clamp(a + b, 0.0F, 1.0F) + 0.0F; }),
          of_floats("sqrt.rn.f32 %d32, %a32;", [](float a, float, float) { return std::sqrt(a); }),
          of_floats("rcp.rn.f32 %d32, %a32;", [](float a, float, float) { return 1.0F / a; }),
      },
      float_triples(), Compare::f32);
}

TEST(FloatInstructions, RoundingModes) {
  std::vector<std::array<Bits, 3>> finite;  // sums and products whose long double is exact, and in range
  for (const auto& t : float_triples()) {
    const auto within = [](Bits b) {
      return std::isfinite(as_float(b)) &&
             (as_float(b) == 0 || (std::fabs(as_float(b)) > 0x1p-25F && std::fabs(as_float(b)) < 0x1p25F));
    };
    if (within(t[0]) && within(t[1]) && as_float(t[0]) != -as_float(t[1])) {
      finite.push_back(t);
    }
  }
  ASSERT_GT(finite.size(), 300U);
  std::vector<InstructionCase> cases;
  for (const auto& [name, mode] :
       {std::pair<std::string, Rounding>{"rz", Rounding::rz}, {"rm", Rounding::rm}, {"rp", Rounding::rp}}) {
    cases.push_back({"add." + name + ".f32 %d32, %a32, %b32;", [mode = mode](Bits a, Bits b, Bits) {
                       return bits_of(rounded(static_cast<long double>(as_float(a)) + as_float(b), mode));
                     }});
    cases.push_back({"mul." + name + ".f32 %d32, %a32, %b32;", [mode = mode](Bits a, Bits b, Bits) {
                       return bits_of(rounded(static_cast<long double>(as_float(a)) * as_float(b), mode));
                     }});
  }
  expect_instructions(cases, finite, Compare::f32);
}

TEST(FloatInstructions, DoublePrecision) {
  expect_instructions(
      {
          of_doubles("add.rn.f64 %d64, %a64, %b64;", [](double a, double b, double) { return a + b; }),
          of_doubles("sub.f64 %d64, %a64, %b64;", [](double a, double b, double) { return a - b; }),
          of_doubles("mul.f64 %d64, %a64, %b64;", [](double a, double b, double) { return a * b; }),
          of_doubles("div.rn.f64 %d64, %a64, %b64;", [](double a, double b, double) { return a / b; }),
          of_doubles("fma.rn.f64 %d64, %a64, %b64, %c64;",
                     [](double a, double b, double c) { return std::fma(a, b, c); }),
          of_doubles("mul.f64 %d64, %a64, 0d4000000000000000;", [](double a, double, double) { return a * 2; }),
          of_doubles("min.f64 %d64, %a64, %b64;", [](double a, double b, double) { return least(a, b); }),
          of_doubles("max.f64 %d64, %a64, %b64;", [](double a, double b, double) { return greatest(a, b); }),
          of_doubles("neg.f64 %d64, %a64;", [](double a, double, double) { return -a; }),
          of_doubles("abs.f64 %d64, %a64;", [](double a, double, double) { return std::fabs(a); }),
          of_doubles("sqrt.rn.f64 %d64, %a64;", [](double a, double, double) { return std::sqrt(a); }),
          of_doubles("rcp.rn.f64 %d64, %a64;", [](double a, double, double) { return 1 / a; }),
          of_doubles("copysign.f64 %d64, %a64, %b64;", [](double a, double b, double) { return std::copysign(b, a); }),
      },
      double_triples(), Compare::f64);
}

TEST(FloatInstructions, Approximations) {
  constexpr double kDigits = 4e-7;  // hardware is allowed about this much, too
  std::vector<std::array<Bits, 3>> moderate;
  for (const auto& t : float_triples()) {
    if (std::fabs(as_float(t[0])) < 100 && std::fabs(as_float(t[0])) > 0.01F) {
      moderate.push_back(t);
    }
  }
  expect_instructions(
      {
          of_floats("sin.approx.f32 %d32, %a32;",
                    [](float a, float, float) { return static_cast<float>(std::sin(double{a})); }),
          of_floats("cos.approx.f32 %d32, %a32;",
                    [](float a, float, float) { return static_cast<float>(std::cos(double{a})); }),
          of_floats("ex2.approx.f32 %d32, %a32;",
                    [](float a, float, float) { return static_cast<float>(std::exp2(double{a})); }),
          of_floats("lg2.approx.f32 %d32, %a32;",
                    [](float a, float, float) { return static_cast<float>(std::log2(double{a})); }),
          of_floats("tanh.approx.f32 %d32, %a32;",
                    [](float a, float, float) { return static_cast<float>(std::tanh(double{a})); }),
          of_floats("rsqrt.approx.ftz.f32 %d32, %a32;",
                    [](float a, float, float) { return static_cast<float>(1 / std::sqrt(double{a})); }),
          of_floats("rcp.approx.ftz.f32 %d32, %a32;", [](float a, float, float) { return 1 / a; }),
          of_floats("div.full.f32 %d32, %a32, %b32;", [](float a, float b, float) { return a / b; }),
      },
      moderate, Compare::f32, kDigits);
}

TEST(FloatInstructions, Properties) {
  const auto test = [](const std::string& property, int kind_a, int kind_b, bool inverted) {
    return InstructionCase{"{ .reg .pred %r; testp." + property + ".f32 %r, %a32; selp.u32 %d32, 1, 0, %r; }",
                           [=](Bits a, Bits, Bits) {
                             const int kind = std::fpclassify(as_float(a));
                             return Bits{(kind == kind_a || kind == kind_b) != inverted};
                           }};
  };
  expect_instructions(
      {test("finite", FP_NAN, FP_INFINITE, true), test("infinite", FP_INFINITE, FP_INFINITE, false),
       test("number", FP_NAN, FP_NAN, true), test("notanumber", FP_NAN, FP_NAN, false),
       test("normal", FP_NORMAL, FP_NORMAL, false), test("subnormal", FP_SUBNORMAL, FP_SUBNORMAL, false)},
      float_triples());
}

/// One of the 16-bit formats by its definition.
struct Format {
  std::string name;
  double (*value)(std::uint16_t);
  std::uint16_t (*nearest)(double, const std::string&);
  Compare scalar;
  Compare pair;
};
const Format kHalf{"f16", half_value, nearest_half, Compare::f16, Compare::f16x2};
const Format kBFloat{"bf16", bfloat_value, nearest_bfloat, Compare::bf16, Compare::bf16x2};

/// An operation on both halves of a word, from one on doubles. Sums and products of 16-bit values, and a sum with a
/// product where exponents are near, are exact in long double.
std::function<Bits(Bits, Bits, Bits)> on_halves(
    const Format& f, const std::function<long double(long double, long double, long double)>& op) {
  return [f, op](Bits a, Bits b, Bits c) {
    Bits result = 0;
    for (int h = 0; h < 32; h += 16) {
      const auto part = [h, &f](Bits x) { return f.value(static_cast<std::uint16_t>(x >> h)); };
      const long double exact = op(part(a), part(b), part(c));
      const double held = static_cast<double>(exact);  // what the conversion dropped decides ties only
      const double error = static_cast<double>(exact - held);
      const bool tips = error != 0 && std::isfinite(held);
      result |= Bits{f.nearest(tips ? std::nextafter(held, error > 0 ? INFINITY : -INFINITY) : held, "rn")} << h;
    }
    return result;
  };
}

TEST(FloatInstructions, SixteenBits) {
  for (const Format& f : {kHalf, kBFloat}) {
    using L = long double;
    const std::vector<std::pair<std::string, std::function<L(L, L, L)>>> operations = {
        {"add.rn", [](L a, L b, L) { return a + b; }},
        {"sub.rn", [](L a, L b, L) { return a - b; }},
        {"mul.rn", [](L a, L b, L) { return a * b; }},
        {"min", [](L a, L b, L) { return least(a, b); }},
        {"max", [](L a, L b, L) { return greatest(a, b); }},
        {"fma.rn", [](L a, L b, L c) { return a * b + c; }},
        {"fma.rn.relu",
         [](L a, L b, L c) { return std::isnan(a * b + c) ? static_cast<L>(NAN) : greatest<L>(a * b + c, 0); }},
        {"neg", [](L a, L, L) { return -a; }},
        {"abs", [](L a, L, L) { return std::fabs(a); }},
    };
    std::vector<InstructionCase> pairs;
    std::vector<InstructionCase> scalars;
    for (const auto& [name, op] : operations) {
      const bool one = name == "neg" || name == "abs";
      const bool three = name.starts_with("fma");
      const std::string rest32 = one ? "" : three ? ", %b32, %c32" : ", %b32";
      const std::string rest16 = one ? "" : three ? ", %b16, %c16" : ", %b16";
      pairs.push_back({name + "." + f.name + "x2 %d32, %a32" + rest32 + ";", on_halves(f, op)});
      scalars.push_back({name + "." + f.name + " %d16, %a16" + rest16 + ";", on_halves(f, op)});
    }
    expect_instructions(pairs, half_triples(), f.pair);
    expect_instructions(scalars, half_triples(), f.scalar);
  }
}

}  // namespace
}  // namespace bnas::emu::test
