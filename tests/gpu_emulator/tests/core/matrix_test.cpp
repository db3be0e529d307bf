// SPDX-License-Identifier: Apache-2.0
// Matrix instructions against plain loops over whole matrices.
#include <random>

#include "ptx/types.hpp"
#include "tests/core/instruction_case.hpp"

namespace bnas::emu::test {
namespace {

/// A packed matrix: rows (of A) or columns (of B) of `depth` elements of `bits` bits each, in words.
struct Packed {
  int depth;
  int bits;
  std::vector<u32> words;

  u32 raw(int row, int k) const {
    const int at = (row * depth + k) * bits;
    const u32 word = words[static_cast<std::size_t>(at / 32)] >> (at % 32);
    return bits == 32 ? word : word & ((1U << bits) - 1);
  }
};

Packed random_bits(int rows, int depth, int bits, unsigned seed) {
  std::mt19937 random(seed);
  Packed p{depth, bits, std::vector<u32>(static_cast<std::size_t>(rows * depth * bits / 32))};
  for (u32& word : p.words) {
    word = static_cast<u32>(random());
  }
  return p;
}

/// Numbers that are multiples of 1/4 up to 8: their sums are exact in every format, so that orders do not matter.
template <class Encode>
Packed random_numbers(int rows, int depth, int bits, unsigned seed, Encode encode) {
  std::mt19937 random(seed);
  Packed p{depth, bits, std::vector<u32>(static_cast<std::size_t>(rows * depth * bits / 32), 0)};
  for (int i = 0; i < rows * depth; ++i) {
    const double value = (static_cast<int>(random() % 65) - 32) / 4.0;
    p.words[static_cast<std::size_t>(i * bits / 32)] |= static_cast<u32>(encode(value)) << (i * bits % 32);
  }
  return p;
}

struct MatrixCase {
  std::string kernel;
  int m;
  int k;
};

class BitMatrix : public testing::TestWithParam<MatrixCase> {};

TEST_P(BitMatrix, CountsCombinedBits) {
  const auto& [kernel, m, k] = GetParam();
  const Packed a = random_bits(m, k, 1, 1);
  const Packed b = random_bits(8, k, 1, 2);
  std::vector<int> c(static_cast<std::size_t>(m * 8));
  std::mt19937 random(3);
  for (int& value : c) {
    value = static_cast<int>(random() % 2000) - 1000;
  }
  Device device;
  const Array<int> d(device, c.size());
  const LaunchResult result = run(device, compiled("matrix"), kernel, {{}, {32}}, Array<u32>(device, a.words),
                                  Array<u32>(device, b.words), Array<int>(device, c), d);
  EXPECT_EQ(result.counters.mma_instructions, 1U);
  const bool both = kernel.ends_with("and");
  std::vector<int> expected = c;
  for (int row = 0; row < m; ++row) {
    for (int column = 0; column < 8; ++column) {
      for (int i = 0; i < k; ++i) {
        const u32 x = a.raw(row, i);
        const u32 y = b.raw(column, i);
        expected[static_cast<std::size_t>(row * 8 + column)] += static_cast<int>(both ? x & y : x ^ y);
      }
    }
  }
  EXPECT_EQ(d.values(), expected);
}

INSTANTIATE_TEST_SUITE_P(Shapes, BitMatrix,
                         testing::Values(MatrixCase{"m16n8k256_xor", 16, 256}, MatrixCase{"m16n8k256_and", 16, 256},
                                         MatrixCase{"m16n8k128_xor", 16, 128}, MatrixCase{"m8n8k128_xor", 8, 128},
                                         MatrixCase{"m8n8k128_and", 8, 128}),
                         [](const auto& test) { return test.param.kernel; });

TEST(BitMatrixOfTheLibrary, CountsDifferences) {
  const Packed a = random_bits(8, 128, 1, 1);
  const Packed b = random_bits(8, 128, 1, 2);
  Device device;
  const Array<int> d(device, 64);
  run(device, compiled("matrix"), "wmma_b1", {{}, {32}}, Array<u32>(device, a.words), Array<u32>(device, b.words),
      Array<int>(device, std::vector<int>(64, 5)), d);
  for (int i = 0; i < 64; ++i) {
    int expected = 5;
    for (int k = 0; k < 128; ++k) {
      expected += static_cast<int>(a.raw(i / 8, k) ^ b.raw(i % 8, k));
    }
    EXPECT_EQ(d.values()[static_cast<std::size_t>(i)], expected);
  }
}

class IntegerMatrix : public testing::TestWithParam<MatrixCase> {};

TEST_P(IntegerMatrix, AddsProducts) {
  const auto& [kernel, m, k] = GetParam();
  const Packed a = random_bits(m, k, 8, 1);
  const Packed b = random_bits(8, k, 8, 2);
  const int start = kernel.ends_with("saturating") ? std::numeric_limits<int>::max() - 1000 : 77;
  Device device;
  const Array<int> d(device, static_cast<std::size_t>(m * 8));
  run(device, compiled("matrix"), kernel, {{}, {32}}, Array<u32>(device, a.words), Array<u32>(device, b.words),
      Array<int>(device, std::vector<int>(static_cast<std::size_t>(m * 8), start)), d);
  const bool unsigned_a = kernel.find("_u8") != std::string::npos;
  for (int row = 0; row < m; ++row) {
    for (int column = 0; column < 8; ++column) {
      s64 sum = start;
      for (int i = 0; i < k; ++i) {
        const u32 x = a.raw(row, i);
        sum += (unsigned_a ? static_cast<int>(x) : static_cast<s8>(x)) * static_cast<s8>(b.raw(column, i));
      }
      sum = std::min<s64>(sum, std::numeric_limits<int>::max());
      EXPECT_EQ(d.values()[static_cast<std::size_t>(row * 8 + column)], sum);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, IntegerMatrix,
                         testing::Values(MatrixCase{"m16n8k32_s8", 16, 32}, MatrixCase{"m16n8k32_u8_s8", 16, 32},
                                         MatrixCase{"m16n8k16_s8", 16, 16}, MatrixCase{"m8n8k16_s8", 8, 16},
                                         MatrixCase{"m8n8k16_s8_saturating", 8, 16}),
                         [](const auto& test) { return test.param.kernel; });

/// How a format keeps numbers.
struct NumberFormat {
  int bits;
  u32 (*encode)(double);
  double (*decode)(u32);
};
NumberFormat format_of(const std::string& kernel) {
  if (kernel.find("bf16") != std::string::npos) {
    return {16, [](double x) -> u32 { return nearest_bfloat(x); },
            [](u32 b) { return bfloat_value(static_cast<u16>(b)); }};
  }
  if (kernel.find("tf32") != std::string::npos) {
    return {32, [](double x) { return static_cast<u32>(bits_of(static_cast<float>(x))); },
            [](u32 b) -> double { return as_float(b); }};
  }
  return {16, [](double x) -> u32 { return nearest_half(x); }, [](u32 b) { return half_value(static_cast<u16>(b)); }};
}

class FloatMatrix : public testing::TestWithParam<MatrixCase> {};

TEST_P(FloatMatrix, AddsProducts) {
  const auto& [kernel, m, k] = GetParam();
  const NumberFormat format = format_of(kernel);
  const Packed a = random_numbers(m, k, format.bits, 1, format.encode);
  const Packed b = random_numbers(8, k, format.bits, 2, format.encode);
  Device device;
  const Array<float> d(device, static_cast<std::size_t>(m * 8));
  run(device, compiled("matrix"), kernel, {{}, {32}}, Array<u32>(device, a.words), Array<u32>(device, b.words),
      Array<float>(device, std::vector<float>(static_cast<std::size_t>(m * 8), 0.25F)), d);
  for (int row = 0; row < m; ++row) {
    for (int column = 0; column < 8; ++column) {
      double sum = 0.25;
      for (int i = 0; i < k; ++i) {
        sum += format.decode(a.raw(row, i)) * format.decode(b.raw(column, i));
      }
      EXPECT_EQ(d.values()[static_cast<std::size_t>(row * 8 + column)], sum);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, FloatMatrix,
                         testing::Values(MatrixCase{"m16n8k16_f16", 16, 16}, MatrixCase{"m16n8k16_bf16", 16, 16},
                                         MatrixCase{"m16n8k8_f16", 16, 8}, MatrixCase{"m16n8k8_bf16", 16, 8},
                                         MatrixCase{"m16n8k8_tf32", 16, 8}, MatrixCase{"m16n8k4_tf32", 16, 4}),
                         [](const auto& test) { return test.param.kernel; });

TEST(MatrixInstructions, HalvesAsResults) {
  const NumberFormat format = format_of("f16");
  const Packed a = random_numbers(16, 16, 16, 1, format.encode);
  const Packed b = random_numbers(8, 16, 16, 2, format.encode);
  const Packed c = random_numbers(16, 8, 16, 3, format.encode);
  Device device;
  const Array<u32> d(device, 64);
  run(device, compiled("matrix"), "m16n8k16_f16_halves", {{}, {32}}, Array<u32>(device, a.words),
      Array<u32>(device, b.words), Array<u32>(device, c.words), d);
  const Packed got{8, 16, d.values()};
  for (int row = 0; row < 16; ++row) {
    for (int column = 0; column < 8; ++column) {
      double sum = format.decode(c.raw(row, column));
      for (int i = 0; i < 16; ++i) {
        sum += format.decode(a.raw(row, i)) * format.decode(b.raw(column, i));
      }
      EXPECT_EQ(got.raw(row, column), nearest_half(sum));
    }
  }
}

TEST(MatrixInstructions, Doubles) {
  std::vector<double> a(32);
  std::vector<double> b(32);
  std::vector<double> c(64);
  std::mt19937 random(1);
  for (auto* list : {&a, &b, &c}) {
    for (double& x : *list) {
      x = static_cast<int>(random() % 1001) - 500;
    }
  }
  Device device;
  const Array<double> d(device, 64);
  run(device, compiled("matrix"), "m8n8k4_f64", {{}, {32}}, Array<double>(device, a), Array<double>(device, b),
      Array<double>(device, c), d);
  for (std::size_t i = 0; i < 64; ++i) {
    double sum = c[i];
    for (std::size_t k = 0; k < 4; ++k) {
      sum += a[i / 8 * 4 + k] * b[i % 8 * 4 + k];
    }
    EXPECT_EQ(d.values()[i], sum);
  }
}

TEST(MatrixInstructions, LoadMatrix) {
  const Packed a = random_bits(16, 16, 16, 1);
  for (const int transposed : {0, 1}) {
    Device device;
    const Array<u32> d(device, 128);
    run(device, compiled("matrix"), "load_matrices", {{}, {32}}, Array<u32>(device, a.words), d, transposed);
    const std::vector<u32> got = d.values();
    for (int tile = 0; tile < 4; ++tile) {  // rows 0-7, 8-15 of the left half, then of the right
      for (int l = 0; l < 32; ++l) {
        for (int h = 0; h < 2; ++h) {
          const int row = l / 4;
          const int column = l % 4 * 2 + h;
          const u32 expected =
              a.raw(tile % 2 * 8 + (transposed != 0 ? column : row), tile / 2 * 8 + (transposed != 0 ? row : column));
          EXPECT_EQ(got[static_cast<std::size_t>(tile * 32 + l)] >> (16 * h) & 0xffffU, expected);
        }
      }
    }
  }
}

TEST(MatrixInstructions, NeedTheWholeWarp) {
  Device device;
  const Array<u32> a(device, std::vector<u32>(32, 1));
  const LaunchResult result =
      launch(device, compiled("matrix"), "bug_incomplete_warp", {{}, {32}}, a, a, Array<int>(device, 32));
  EXPECT_EQ(result.end, LaunchResult::End::fault);
  EXPECT_NE(result.what.find("mma.sync"), std::string::npos) << result.what;
}

}  // namespace
}  // namespace bnas::emu::test
