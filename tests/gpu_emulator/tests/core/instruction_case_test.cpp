// SPDX-License-Identifier: Apache-2.0
#include "tests/core/instruction_case.hpp"

#include <algorithm>
#include <random>

namespace bnas::emu::test {
namespace {

std::string result_register(const std::string& text) {
  for (const char* width : {"16", "32", "64"}) {
    if (text.find(std::string("%d") + width) != std::string::npos) {
      return width;
    }
  }
  return "";
}

bool same_number(double got, double wanted, double tolerance) {
  if (std::isnan(wanted) || std::isnan(got)) {
    return std::isnan(wanted) && std::isnan(got);
  }
  if (got == wanted) {
    return std::signbit(got) == std::signbit(wanted) || tolerance > 0;
  }
  return std::fabs(got - wanted) <= tolerance * std::fabs(wanted);
}

bool same(Bits got, Bits wanted, Compare compare, double tolerance) {
  const auto low = [](Bits b) { return static_cast<std::uint16_t>(b); };
  const auto high = [](Bits b) { return static_cast<std::uint16_t>(b >> 16); };
  switch (compare) {
    case Compare::bits:
      return got == wanted;
    case Compare::f16:
      return same_number(half_value(low(got)), half_value(low(wanted)), tolerance);
    case Compare::bf16:
      return same_number(bfloat_value(low(got)), bfloat_value(low(wanted)), tolerance);
    case Compare::f16x2:
      return same_number(half_value(low(got)), half_value(low(wanted)), tolerance) &&
             same_number(half_value(high(got)), half_value(high(wanted)), tolerance);
    case Compare::bf16x2:
      return same_number(bfloat_value(low(got)), bfloat_value(low(wanted)), tolerance) &&
             same_number(bfloat_value(high(got)), bfloat_value(high(wanted)), tolerance);
    case Compare::f32:
      return same_number(as_float(got), as_float(wanted), tolerance);
    case Compare::f64:
      return same_number(as_double(got), as_double(wanted), tolerance);
  }
  return false;
}

/// All triples of the edges with the first of one another, then random ones.
template <class Random>
std::vector<std::array<Bits, 3>> triples_of(const std::vector<Bits>& edges, Random random) {
  std::vector<std::array<Bits, 3>> triples;
  for (std::size_t a = 0; a < edges.size(); ++a) {
    for (std::size_t b = 0; b < edges.size(); ++b) {
      triples.push_back({edges[a], edges[b], edges[(a * 7 + b * 3) % edges.size()]});
    }
  }
  for (int i = 0; i < 512; ++i) {
    triples.push_back({random(), random(), random()});
  }
  return triples;
}

/// The first 16-bit pattern not below a positive value, by bisection over the patterns of positive finite numbers.
template <class Value>
std::uint16_t nearest(double value, const std::string& mode, std::uint16_t infinity, double beyond, Value value_of) {
  if (std::isnan(value)) {
    return 0x7fff;
  }
  const bool negative = std::signbit(value);
  const auto sign = static_cast<std::uint16_t>(negative ? 0x8000 : 0);
  const double magnitude = std::fabs(value);
  if (std::isinf(magnitude)) {
    return static_cast<std::uint16_t>(sign | infinity);
  }
  const auto at = [&](unsigned pattern) {
    return pattern == infinity ? beyond : value_of(static_cast<std::uint16_t>(pattern));
  };
  unsigned low = 0;
  unsigned high = infinity;
  while (high - low > 1) {
    const unsigned middle = (low + high) / 2;
    (at(middle) <= magnitude ? low : high) = middle;
  }
  if (magnitude == at(low)) {
    return static_cast<std::uint16_t>(sign | low);
  }
  const double below = magnitude - at(low);
  const double above = at(high) - magnitude;
  const bool up = mode == "rn" ? above < below || (above == below && low % 2 == 1)
                               : (mode == "rp" && !negative) || (mode == "rm" && negative);
  return static_cast<std::uint16_t>(sign | (up ? high : low));
}

TEST(HalfOracle, KnowsTheFormats) {
  EXPECT_EQ(half_value(0x3c00), 1.0);
  EXPECT_EQ(half_value(0x0001), 0x1p-24);
  EXPECT_EQ(half_value(0x7bff), 65504.0);
  EXPECT_EQ(bfloat_value(0xbf80), -1.0);
  EXPECT_EQ(nearest_half(65520.0), 0x7c00);  // halfway to 2^16 rounds to even, which is infinity
  EXPECT_EQ(nearest_half(65519.0), 0x7bff);
  EXPECT_EQ(nearest_bfloat(1.0 + 0x1p-8), 0x3f80);
}

}  // namespace

double half_value(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const int fraction = bits & 1023;
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == 31) {
    return fraction != 0 ? NAN : sign * INFINITY;
  }
  return sign * (exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(1024 + fraction, exponent - 25));
}

double bfloat_value(std::uint16_t bits) { return as_float(static_cast<Bits>(bits) << 16); }

std::uint16_t nearest_half(double value, const std::string& mode) {
  return nearest(value, mode, 0x7c00, 65536.0, half_value);
}

std::uint16_t nearest_bfloat(double value, const std::string& mode) {
  return nearest(value, mode, 0x7f80, 0x1p128, bfloat_value);
}

std::string instruction_module(const std::string& text) {
  const std::string width = result_register(text);
  std::string load;
  for (const char* name : {"a", "b", "c"}) {
    const std::string n = name;
    load += "  ld.global.b64 %" + n + "64, [%base+" + (n == "a" ? "0" : n == "b" ? "8" : "16") + "];\n";
    load += "  cvt.u32.u64 %" + n + "32, %" + n + "64;\n  cvt.u16.u64 %" + n + "16, %" + n + "64;\n";
  }
  return ".version 8.3\n.target sm_90a\n.address_size 64\n"
         ".visible .entry k(.param .u64 in, .param .u64 out, .param .u32 n)\n{\n"
         "  .reg .b16 %a16, %b16, %c16, %d16;\n  .reg .b32 %a32, %b32, %c32, %d32, %t32, %u32, %i, %size, %n;\n"
         "  .reg .b64 %a64, %b64, %c64, %d64, %t64, %base, %to;\n  .reg .pred %p, %q, %out;\n"
         "  mov.u32 %i, %ctaid.x;\n  mov.u32 %size, %ntid.x;\n  mad.lo.u32 %i, %i, %size, 0;\n"
         "  mov.u32 %t32, %tid.x;\n  add.u32 %i, %i, %t32;\n  ld.param.u32 %n, [n];\n"
         "  setp.ge.u32 %out, %i, %n;\n  @%out bra DONE;\n"
         "  ld.param.u64 %base, [in];\n  mad.wide.u32 %base, %i, 24, %base;\n"
         "  ld.param.u64 %to, [out];\n  mad.wide.u32 %to, %i, 8, %to;\n" +
         load +
         "  and.b32 %t32, %a32, 1;\n  setp.ne.u32 %p, %t32, 0;\n  and.b32 %t32, %b32, 1;\n"
         "  setp.ne.u32 %q, %t32, 0;\n  " +
         text + "\n  " + (width == "64" ? "" : "cvt.u64.u" + width + " %d64, %d" + width + ";") +
         "\n  st.global.b64 [%to], %d64;\nDONE:\n  ret;\n}\n";
}

void expect_instructions(const std::vector<InstructionCase>& cases, const std::vector<std::array<Bits, 3>>& triples,
                         Compare compare, double tolerance) {
  Device device;
  std::vector<Bits> operands;
  for (const auto& triple : triples) {
    operands.insert(operands.end(), triple.begin(), triple.end());
  }
  const Array<Bits> in(device, operands);
  const auto n = static_cast<std::uint32_t>(triples.size());
  for (const InstructionCase& c : cases) {
    SCOPED_TRACE(c.text);
    std::unique_ptr<Module> module;
    ASSERT_NO_THROW(module = Module::load(instruction_module(c.text)));
    const Array<Bits> out(device, std::vector<Bits>(triples.size(), 0));
    run(device, *module, "k", {{(n + 127) / 128}, {128}}, in, out, n);
    const std::vector<Bits> got = out.values();
    int wrong = 0;
    for (std::size_t i = 0; i < triples.size() && wrong < 3; ++i) {
      const auto& [a, b, c3] = triples[i];
      const Bits wanted = c.expected(a, b, c3);
      if (!same(got[i], wanted, compare, tolerance)) {
        ++wrong;
        ADD_FAILURE() << std::hex << "a=" << a << " b=" << b << " c=" << c3 << " got " << got[i] << " wanted "
                      << wanted;
      }
    }
  }
}

std::vector<std::array<Bits, 3>> integer_triples() {
  std::vector<Bits> edges;
  for (const int bit : {0, 1, 4, 7, 8, 15, 16, 30, 31, 32, 33, 47, 62, 63}) {
    edges.push_back(Bits{1} << bit);
    edges.push_back((Bits{1} << bit) - 1);
    edges.push_back(~Bits{0} << bit);
  }
  std::mt19937_64 random(1);
  return triples_of(edges, [&] { return random() >> random() % 64; });
}

std::vector<std::array<Bits, 3>> float_triples() {
  std::vector<Bits> edges;
  for (const float f : {0.0F, 1.0F, 1.5F, 3.0F, 0x1p-149F, 0x1p-126F, 0x1.fffffep-127F, 0x1.fffffep127F, 16777216.0F,
                        0.1F, INFINITY, NAN, 2147483648.0F, 4294967296.0F, 0.5F, 2.5F, 65504.0F, 0x1p-24F}) {
    edges.push_back(bits_of(f));
    edges.push_back(bits_of(-f));
  }
  std::mt19937 random(2);
  std::uniform_real_distribution<float> mantissa(-2, 2);
  return triples_of(edges, [&] { return bits_of(std::ldexp(mantissa(random), static_cast<int>(random() % 40) - 20)); });
}

std::vector<std::array<Bits, 3>> double_triples() {
  std::vector<Bits> edges;
  for (const double d : {0.0, 1.0, 1.5, 3.0, 0x1p-1074, 0x1p-1022, 0x1.fffffffffffffp1023, 0x1p53, 0.1,
                         double{INFINITY}, double{NAN}, 0x1p31, 0x1p32, 0x1p63, 0x1p64, 0.5, 2.5, 0x1p-30}) {
    edges.push_back(bits_of(d));
    edges.push_back(bits_of(-d));
  }
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> mantissa(-2, 2);
  return triples_of(edges, [&] { return bits_of(std::ldexp(mantissa(random), static_cast<int>(random() % 80) - 40)); });
}

std::vector<std::array<Bits, 3>> half_triples() {
  std::vector<Bits> edges;
  for (const Bits h :
       {0x0000, 0x0001, 0x03ff, 0x0400, 0x3c00, 0x3555, 0x7bff, 0x7c00, 0x7e00, 0x3f80, 0x7f7f, 0x4049}) {
    edges.push_back(h | (h ^ 0x8000U) << 16);
    edges.push_back((h ^ 0x8000U) | (h + 1) % 0x7c00U << 16);
  }
  std::mt19937 random(4);
  return triples_of(edges, [&] { return Bits{random()}; });
}

}  // namespace bnas::emu::test
