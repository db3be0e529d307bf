// SPDX-License-Identifier: Apache-2.0
// mma.sync and wmma.mma: products of small matrices whose elements lie scattered over the lanes of a warp.
#include "machine/matrix.hpp"

#include <algorithm>
#include <cmath>

#include "machine/bind.hpp"
#include "machine/bits.hpp"
#include "machine/lanes.hpp"

namespace bnas::emu {
namespace {

/// D = A B + C; A has m x k elements, B k x n, n = 8. Of a fragment, lane l holds rows l / 4 (A, C, D) or columns
/// l / 4 (B), and in each register elements that lie side by side in k.
struct MatrixShape {
  int m = 0;
  int n = 0;
  int k = 0;
  Type type_d = Type::NONE;
  Type type_a = Type::NONE;
  Type type_b = Type::NONE;
  Type type_c = Type::NONE;
  bool saturates = false;
  bool bit_and = false;  ///< of 1-bit elements; else xor
  std::vector<int> d, a, b, c;
};

constexpr int kMostRows = 16;
constexpr int kColumns = 8;
constexpr int kMostWords = 8;   // registers of a row of A or a column of B, over the four lanes that share it
constexpr int kMostDepth = 32;  // elements of k, other than bits

/// The words of A by row and of B by column: word w of the k direction holds 32 bits of elements.
struct Words {
  u32 a[kMostRows][kMostWords];
  u32 b[kColumns][kMostWords];
};

/// Register r of A holds row l / 4 + 8 (r mod 2), words l mod 4 + 4 (r / 2); with m = 8 there is no second row.
Words gather(Block& block, const MatrixShape& s) {
  Words words{};
  const std::size_t blocks = s.m == 16 ? 2 : 1;
  for (std::size_t r = 0; r < s.a.size(); ++r) {
    const u32* row = block.row<u32>(s.a[r]);
    for (unsigned l = 0; l < 32; ++l) {
      words.a[l / 4 + 8 * (r % blocks)][l % 4 + 4 * (r / blocks)] = row[l];
    }
  }
  for (std::size_t r = 0; r < s.b.size(); ++r) {
    const u32* row = block.row<u32>(s.b[r]);
    for (unsigned l = 0; l < 32; ++l) {
      words.b[l / 4][l % 4 + 4 * r] = row[l];
    }
  }
  return words;
}

/// Calls f(lane, i, row, column) for each element i that a lane holds of C and D.
template <class F>
void for_results(const MatrixShape& s, F f) {
  for (unsigned l = 0; l < 32; ++l) {
    for (unsigned i = 0; i < (s.m == 16 ? 4U : 2U); ++i) {
      f(l, i, l / 4 + 8 * (i / 2), l % 4 * 2 + i % 2);
    }
  }
}

/// What each lane holds of D, register by register, kept apart until C is no longer needed: their registers may be
/// the same.
using Results = std::array<std::array<u32, 4>, 32>;

void store(Block& block, const MatrixShape& s, const Results& results) {
  for (std::size_t r = 0; r < s.d.size(); ++r) {
    u32* row = block.row<u32>(s.d[r]);
    for (unsigned l = 0; l < 32; ++l) {
      row[l] = results[l][r];
    }
  }
}

int bits_of(Type type) { return type == Type::TF32 ? 32 : size_of(type) * 8; }

/// Elements of A by row and of B by column, as whole numbers or floats; zeros beyond the depth.
template <class T>
struct Elements {
  T a[kMostRows][kMostDepth];
  T b[kColumns][kMostDepth];
};

/// Unpacks the first `depth` elements of a row.
template <class T>
void unpack(const u32* words, int depth, Type type, T* out) {
  const auto each = [=](int per_word, auto decode) {
    for (int k = 0; k < depth; ++k) {
      out[k] = static_cast<T>(decode(words[k / per_word] >> (k % per_word * (32 / per_word))));
    }
  };
  switch (type) {
    case Type::S8:
      each(4, [](u32 bits) { return static_cast<s8>(bits); });
      break;
    case Type::U8:
      each(4, [](u32 bits) { return static_cast<u8>(bits); });
      break;
    case Type::F16:
      each(2, [](u32 bits) { return to_float(Half{static_cast<u16>(bits)}); });
      break;
    case Type::BF16:
      each(2, [](u32 bits) { return to_float(BFloat{static_cast<u16>(bits)}); });
      break;
    default:  // tf32: the rest of the fraction is not looked at
      each(1, [](u32 bits) { return std::bit_cast<float>(bits & 0xffffe000U); });
      break;
  }
}

template <class T>
Elements<T> spread(const Words& words, const MatrixShape& s) {
  Elements<T> elements{};
  for (int row = 0; row < s.m; ++row) {
    unpack(words.a[row], s.k, s.type_a, elements.a[row]);
  }
  for (int column = 0; column < kColumns; ++column) {
    unpack(words.b[column], s.k, s.type_b, elements.b[column]);
  }
  return elements;
}

/// The population count of one pair of words' combination.
inline u32 matches(u32 a, u32 b, bool bit_and) { return count_ones(bit_and ? a & b : a ^ b); }

template <bool kAnd>
__attribute__((target("popcnt"))) void fast_bit_products(const Words& words, int count, u32 (*out)[kColumns]) {
  for (int row = 0; row < kMostRows; ++row) {
    for (int column = 0; column < kColumns; ++column) {
      int sum = 0;
      for (int w = 0; w < count; ++w) {
        const u32 a = words.a[row][w];
        const u32 b = words.b[column][w];
        sum += __builtin_popcount(kAnd ? a & b : a ^ b);
      }
      out[row][column] = static_cast<u32>(sum);
    }
  }
}

void bit_products(const Words& words, const MatrixShape& s, u32 (*out)[kColumns]) {
  const int count = s.k / 32;
  if (__builtin_cpu_supports("popcnt") != 0) {
    (s.bit_and ? fast_bit_products<true> : fast_bit_products<false>)(words, count, out);
    return;
  }
  for (int row = 0; row < s.m; ++row) {
    for (int column = 0; column < kColumns; ++column) {
      u32 sum = 0;
      for (int w = 0; w < count; ++w) {
        sum += matches(words.a[row][w], words.b[column][w], s.bit_and);
      }
      out[row][column] = sum;
    }
  }
}

void multiply_bits(Block& block, const MatrixShape& s) {
  const Words words = gather(block, s);
  u32 products[kMostRows][kColumns];
  bit_products(words, s, products);
  Results results{};
  for_results(s, [&](unsigned l, unsigned i, unsigned row, unsigned column) {
    results[l][i] = block.row<u32>(s.c[i])[l] + products[row][column];
  });
  store(block, s, results);
}

void multiply_integers(Block& block, const MatrixShape& s) {
  const auto elements = spread<s32>(gather(block, s), s);
  Results results{};
  for_results(s, [&](unsigned l, unsigned i, unsigned row, unsigned column) {
    s32 products = 0;  // at most 32 of 16 bits each
    for (int k = 0; k < kMostDepth; ++k) {
      products += elements.a[row][k] * elements.b[column][k];
    }
    s64 sum = s64{static_cast<s32>(block.row<u32>(s.c[i])[l])} + products;
    if (s.saturates) {
      sum = std::clamp<s64>(sum, std::numeric_limits<s32>::min(), std::numeric_limits<s32>::max());
    }
    results[l][i] = static_cast<u32>(sum);
  });
  store(block, s, results);
}

/// The sum is kept in double and rounded once; hardware adds in an order and width of its own.
void multiply_floats(Block& block, const MatrixShape& s) {
  const auto elements = spread<double>(gather(block, s), s);
  const bool halves_c = s.type_c == Type::F16;
  const bool halves_d = s.type_d == Type::F16;
  Results results{};
  for_results(s, [&](unsigned l, unsigned i, unsigned row, unsigned column) {
    double sum = 0;
    for (int k = 0; k < s.k; ++k) {
      sum += elements.a[row][k] * elements.b[column][k];
    }
    const u32 word = block.row<u32>(s.c[halves_c ? i / 2 : i])[l];
    sum += halves_c ? to_float(Half{static_cast<u16>(word >> (16 * (i % 2)))}) : std::bit_cast<float>(word);
    const auto value = static_cast<float>(sum);
    if (halves_d) {
      results[l][i / 2] |= static_cast<u32>(to_half(value).bits) << (16 * (i % 2));
    } else {
      results[l][i] = std::bit_cast<u32>(value);
    }
  });
  store(block, s, results);
}

/// f64 m8n8k4: one element per register.
void multiply_doubles(Block& block, const MatrixShape& s) {
  double a[8][4];
  double b[8][4];
  for (unsigned l = 0; l < 32; ++l) {
    a[l / 4][l % 4] = block.row<double>(s.a[0])[l];
    b[l / 4][l % 4] = block.row<double>(s.b[0])[l];
  }
  std::array<std::array<double, 2>, 32> results{};
  for_results(s, [&](unsigned l, unsigned i, unsigned row, unsigned column) {
    double sum = block.row<double>(s.c[i])[l];
    for (int k = 0; k < 4; ++k) {
      sum = std::fma(a[row][k], b[column][k], sum);
    }
    results[l][i] = sum;
  });
  for (unsigned l = 0; l < 32; ++l) {
    block.row<double>(s.d[0])[l] = results[l][0];
    block.row<double>(s.d[1])[l] = results[l][1];
  }
}

/// The shapes that exist, by the type of A; the number of their registers follows.
bool exists(const MatrixShape& s) {
  const auto is = [&](int m, int k) { return s.m == m && s.n == 8 && s.k == k; };
  switch (s.type_a) {
    case Type::B1:
      return is(8, 128) || is(16, 128) || is(16, 256);
    case Type::S8:
    case Type::U8:
      return is(8, 16) || is(16, 16) || is(16, 32);
    case Type::F16:
    case Type::BF16:
      return is(16, 8) || is(16, 16);
    case Type::TF32:
      return is(16, 4) || is(16, 8);
    case Type::F64:
      return is(8, 4);
    default:
      return false;
  }
}

bool registers_fit(const MatrixShape& s) {
  if (s.type_a == Type::F64) {
    return s.a.size() == 1 && s.b.size() == 1 && s.c.size() == 2 && s.d.size() == 2;
  }
  const int bits = s.type_a == Type::B1 ? 1 : bits_of(s.type_a);
  const auto results = [&](Type type) { return static_cast<std::size_t>(s.m / 4 / (type == Type::F16 ? 2 : 1)); };
  return s.a.size() == static_cast<std::size_t>(s.m * s.k * bits / 1024) &&
         s.b.size() == static_cast<std::size_t>(8 * s.k * bits / 1024) && s.c.size() == results(s.type_c) &&
         s.d.size() == results(s.type_d);
}

MatrixShape shape_of(const Statement& s) {
  MatrixShape shape;
  for (const std::string& word : s.words()) {
    if (word.size() > 4 && word[0] == 'm' && std::isdigit(static_cast<unsigned char>(word[1])) != 0) {
      const std::size_t n = word.find('n');
      const std::size_t k = word.find('k');
      if (n == std::string::npos || k == std::string::npos) {
        s.unsupported();
      }
      shape.m = std::atoi(word.c_str() + 1);
      shape.n = std::atoi(word.c_str() + n + 1);
      shape.k = std::atoi(word.c_str() + k + 1);
    }
  }
  if (s.types().size() != 4) {
    s.unsupported();
  }
  shape.type_d = s.types()[0];
  shape.type_a = s.types()[1];
  shape.type_b = s.types()[2];
  shape.type_c = s.types()[3];
  shape.saturates = s.has("satfinite");
  shape.bit_and = s.has("and");
  return shape;
}

void bind_shape(const Statement& s, Instruction& i, MatrixShape shape) {
  const Slot slot = shape.type_a == Type::F64 ? Slot::wide : Slot::word;
  shape.d = s.targets(0);
  shape.a = s.sources(1, slot);
  shape.b = s.sources(2, slot);
  shape.c = s.sources(3, slot);
  if (!exists(shape) || !registers_fit(shape)) {
    s.unsupported("the shape");
  }
  const auto multiply = shape.type_a == Type::B1    ? multiply_bits
                        : shape.type_a == Type::F64 ? multiply_doubles
                        : is_float(shape.type_a)    ? multiply_floats
                                                    : multiply_integers;
  execute_by_whole_warp(s, i);
  set_closure(i, [shape = std::move(shape), multiply](Block& block, const Instruction&, LaneMask mask) {
    block.require_whole_warp(mask);
    ++block.count().mma_instructions;
    multiply(block, shape);
  });
}

void bind_mma(const Statement& s, Instruction& i) {
  if (s.has("sp") || s.has("block_scale") || !s.has("row") || !s.has("col")) {
    s.unsupported();
  }
  bind_shape(s, i, shape_of(s));
}

void bind_wmma(const Statement& s, Instruction& i) {
  if (!s.has("mma")) {
    bind_wmma_memory(s, i);
    return;
  }
  if (!s.has("m8n8k128")) {
    s.unsupported("of wmma, only the 1-bit shape");
  }
  bind_shape(s, i, shape_of(s));
}

}  // namespace

void execute_by_whole_warp(const Statement& s, Instruction& i) {
  i.control = Control::warp_sync;
  i.members = s.registers().constant(kAllLanes, Slot::word);
}

void add_matrix(FamilyTable& table) {
  table["mma"] = bind_mma;
  table["wmma"] = bind_wmma;
}

}  // namespace bnas::emu
