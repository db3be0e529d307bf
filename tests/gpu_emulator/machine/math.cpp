// SPDX-License-Identifier: Apache-2.0
// Functions that the hardware approximates. Here they are those of the host's library, correct to the last digit or
// nearly so: the hardware's last digits may differ.
#include <cmath>

#include "machine/bind.hpp"
#include "machine/float.hpp"
#include "machine/lanes.hpp"

namespace bnas::emu {
namespace {

struct Reciprocal {
  template <class T>
  T operator()(T x) const {
    return T{1} / x;
  }
};
struct Root {
  template <class T>
  T operator()(T x) const {
    return std::sqrt(x);
  }
};
struct ReciprocalRoot {
  template <class T>
  T operator()(T x) const {
    return static_cast<T>(1.0 / std::sqrt(static_cast<double>(x)));
  }
};
struct Sine {
  template <class T>
  T operator()(T x) const {
    return std::sin(x);
  }
};
struct Cosine {
  template <class T>
  T operator()(T x) const {
    return std::cos(x);
  }
};
struct Logarithm {
  template <class T>
  T operator()(T x) const {
    return std::log2(x);
  }
};
struct Power {
  template <class T>
  T operator()(T x) const {
    return std::exp2(x);
  }
};
struct HyperbolicTangent {
  template <class T>
  T operator()(T x) const {
    return std::tanh(x);
  }
};

template <class T, class F>
void run_function(Block& block, const Instruction& i, LaneMask mask) {
  const RoundingScope scope(static_cast<Rounding>(i.rounding));
  map1<T, T>(block, i, mask, [flushes = i.flag](T x) {
    const T operand = opaque(flushes ? flush(x) : x);
    const T result = opaque(from_float<T>(F{}(to_float(operand))));
    return flushes ? flush(result) : result;
  });
}

template <class T, class F>
void run_function_pair(Block& block, const Instruction& i, LaneMask mask) {
  map1<u32, u32>(block, i, mask, [](u32 x) {
    const T low = from_float<T>(F{}(to_float(T{static_cast<u16>(x)})));
    const T high = from_float<T>(F{}(to_float(T{static_cast<u16>(x >> 16)})));
    return static_cast<u32>(high.bits) << 16 | low.bits;
  });
}

template <class F>
void bind_function(const Statement& s, Instruction& i) {
  s.take(i, 1);
  i.flag = s.has("ftz");
  i.rounding = static_cast<u8>(rounding_of(s));
  switch (s.type()) {
    case Type::F16X2:
      i.run = run_function_pair<Half, F>;
      break;
    case Type::BF16X2:
      i.run = run_function_pair<BFloat, F>;
      break;
    default:
      i.run = by_float(s.type(), [](auto zero) -> Run { return run_function<decltype(zero), F>; });
      break;
  }
}

}  // namespace

void add_math(FamilyTable& table) {
  table["rcp"] = bind_function<Reciprocal>;
  table["sqrt"] = bind_function<Root>;
  table["rsqrt"] = bind_function<ReciprocalRoot>;
  table["sin"] = bind_function<Sine>;
  table["cos"] = bind_function<Cosine>;
  table["lg2"] = bind_function<Logarithm>;
  table["ex2"] = bind_function<Power>;
  table["tanh"] = bind_function<HyperbolicTangent>;
}

}  // namespace bnas::emu
