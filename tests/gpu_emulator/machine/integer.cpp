// SPDX-License-Identifier: Apache-2.0
// Integer arithmetic within the width of its type.
#include "machine/integer.hpp"

#include <algorithm>

#include "machine/bind.hpp"
#include "machine/float.hpp"
#include "machine/lanes.hpp"

namespace bnas::emu {
namespace {

/// Unsigned, and at least 32 bits: neither promotion nor overflow makes results undefined.
template <class T>
using Modular = std::conditional_t<sizeof(T) == 8, u64, u32>;

struct Add {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Modular<T>>(a) + static_cast<Modular<T>>(b));
  }
};
struct Subtract {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Modular<T>>(a) - static_cast<Modular<T>>(b));
  }
};
struct AddSaturated {
  s32 operator()(s32 a, s32 b) const {
    return static_cast<s32>(
        std::clamp<s64>(s64{a} + b, std::numeric_limits<s32>::min(), std::numeric_limits<s32>::max()));
  }
};
struct SubtractSaturated {
  s32 operator()(s32 a, s32 b) const {
    return static_cast<s32>(
        std::clamp<s64>(s64{a} - b, std::numeric_limits<s32>::min(), std::numeric_limits<s32>::max()));
  }
};
struct MultiplyLow {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>(static_cast<Modular<T>>(a) * static_cast<Modular<T>>(b));
  }
};
struct MultiplyHigh {
  template <class T>
  T operator()(T a, T b) const {
    return static_cast<T>((static_cast<Doubled<T>>(a) * static_cast<Doubled<T>>(b)) >> (sizeof(T) * 8));
  }
};
template <class Product>
struct MultiplyAdd {
  template <class T>
  T operator()(T a, T b, T c) const {
    return Add{}(Product{}(a, b), c);
  }
};
/// Division by zero gives all ones, as the hardware's sequence does; the least number by -1 wraps.
struct Divide {
  template <class T>
  T operator()(T a, T b) const {
    if (b == 0) {
      return static_cast<T>(-1);
    }
    if (std::is_signed_v<T> && b == static_cast<T>(-1)) {
      return Subtract{}(T{0}, a);
    }
    return static_cast<T>(a / b);
  }
};
struct Remainder {
  template <class T>
  T operator()(T a, T b) const {
    if (b == 0) {
      return a;
    }
    return std::is_signed_v<T> && b == static_cast<T>(-1) ? T{0} : static_cast<T>(a % b);
  }
};
struct Least {
  template <class T>
  T operator()(T a, T b) const {
    return std::min(a, b);
  }
};
struct Greatest {
  template <class T>
  T operator()(T a, T b) const {
    return std::max(a, b);
  }
};
struct Negate {
  template <class T>
  T operator()(T a) const {
    return Subtract{}(T{0}, a);
  }
};
struct Absolute {
  template <class T>
  T operator()(T a) const {
    return a < 0 ? Subtract{}(T{0}, a) : a;
  }
};
struct SumOfDifference {
  template <class T>
  T operator()(T a, T b, T c) const {
    return Add{}(c, a < b ? Subtract{}(b, a) : Subtract{}(a, b));
  }
};
/// An operation on both halves of a word, each of type T.
template <class T, class F>
struct Pairwise {
  u32 operator()(u32 a, u32 b) const {
    const u16 low = static_cast<u16>(F{}(static_cast<T>(a), static_cast<T>(b)));
    const u16 high = static_cast<u16>(F{}(static_cast<T>(a >> 16), static_cast<T>(b >> 16)));
    return static_cast<u32>(high) << 16 | low;
  }
};

template <class F>
Run integer_unary(Type type) {
  return by_integer(type, [](auto zero) { return unary<decltype(zero), decltype(zero)>(F{}); });
}
template <class F>
Run integer_ternary(Type type) {
  return by_integer(type, [](auto zero) { return ternary<decltype(zero)>(F{}); });
}
template <class F>
Run integer_binary(Type type) {
  if (type == Type::U16X2) {
    return binary<u32>(Pairwise<u16, F>{});
  }
  if (type == Type::S16X2) {
    return binary<u32>(Pairwise<s16, F>{});
  }
  return by_integer(type, [](auto zero) { return binary<decltype(zero)>(F{}); });
}

template <class F, class Saturated>
void bind_sum(const Statement& s, Instruction& i) {
  if (is_float(s.type())) {
    bind_float(s, i);
  } else if (s.has("cc")) {
    bind_carry(s, i);
  } else {
    s.take(i, 2);
    i.run = s.has("sat") ? (s.type() == Type::S32 ? binary<s32>(Saturated{}) : nullptr) : integer_binary<F>(s.type());
  }
}

void bind_multiply(const Statement& s, Instruction& i) {
  if (is_float(s.type())) {
    bind_float(s, i);
  } else if (s.has("wide")) {
    bind_wide_multiply(s, i);
  } else {
    s.take(i, 2);
    i.run = s.has("hi") ? integer_binary<MultiplyHigh>(s.type()) : integer_binary<MultiplyLow>(s.type());
  }
}

void bind_multiply_add(const Statement& s, Instruction& i) {
  if (is_float(s.type())) {
    bind_float(s, i);
  } else if (s.has("cc")) {
    bind_carry(s, i);
  } else if (s.has("wide")) {
    bind_wide_multiply(s, i);
  } else if (!s.has("sat")) {
    s.take(i, 3);
    i.run = s.has("hi") ? integer_ternary<MultiplyAdd<MultiplyHigh>>(s.type())
                        : integer_ternary<MultiplyAdd<MultiplyLow>>(s.type());
  }
}

template <class F>
void bind_binary(const Statement& s, Instruction& i) {
  if (is_float(s.type())) {
    bind_float(s, i);
  } else {
    s.take(i, 2);
    i.run = s.has("relu") ? nullptr : integer_binary<F>(s.type());
  }
}

template <class F>
void bind_unary(const Statement& s, Instruction& i) {
  if (is_float(s.type())) {
    bind_float_sign(s, i);
  } else {
    s.take(i, 1);
    i.run = integer_unary<F>(s.type());
  }
}

}  // namespace

void add_integer(FamilyTable& table) {
  table["add"] = bind_sum<Add, AddSaturated>;
  table["sub"] = bind_sum<Subtract, SubtractSaturated>;
  table["mul"] = bind_multiply;
  table["mad"] = bind_multiply_add;
  table["div"] = bind_binary<Divide>;
  table["rem"] = bind_binary<Remainder>;
  table["min"] = bind_binary<Least>;
  table["max"] = bind_binary<Greatest>;
  table["neg"] = bind_unary<Negate>;
  table["abs"] = bind_unary<Absolute>;
  table["sad"] = [](const Statement& s, Instruction& i) {
    s.take(i, 3);
    i.run = integer_ternary<SumOfDifference>(s.type());
  };
}

}  // namespace bnas::emu
