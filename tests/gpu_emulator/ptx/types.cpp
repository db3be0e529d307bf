// SPDX-License-Identifier: Apache-2.0
#include "ptx/types.hpp"

#include <string>
#include <unordered_map>

namespace bnas::emu {

Type type_named(std::string_view name) {
  static const std::unordered_map<std::string_view, Type> kTypes = {
      {"pred", Type::PRED}, {"b1", Type::B1},       {"b8", Type::B8},         {"u8", Type::U8},
      {"s8", Type::S8},     {"b16", Type::B16},     {"u16", Type::U16},       {"s16", Type::S16},
      {"f16", Type::F16},   {"bf16", Type::BF16},   {"u16x2", Type::U16X2},   {"s16x2", Type::S16X2},
      {"b32", Type::B32},   {"u32", Type::U32},     {"s32", Type::S32},       {"f32", Type::F32},
      {"tf32", Type::TF32}, {"f16x2", Type::F16X2}, {"bf16x2", Type::BF16X2}, {"b64", Type::B64},
      {"u64", Type::U64},   {"s64", Type::S64},     {"f64", Type::F64},       {"b128", Type::B128},
  };
  const auto it = kTypes.find(name);
  return it == kTypes.end() ? Type::NONE : it->second;
}

int size_of(Type type) {
  switch (type) {
    case Type::NONE:
    case Type::PRED:
    case Type::B1:
      return 0;
    case Type::B8:
    case Type::U8:
    case Type::S8:
      return 1;
    case Type::B16:
    case Type::U16:
    case Type::S16:
    case Type::F16:
    case Type::BF16:
      return 2;
    case Type::B64:
    case Type::U64:
    case Type::S64:
    case Type::F64:
      return 8;
    case Type::B128:
      return 16;
    default:
      return 4;
  }
}

bool is_signed(Type type) {
  return type == Type::S8 || type == Type::S16 || type == Type::S32 || type == Type::S64 || type == Type::S16X2;
}

bool is_float(Type type) {
  switch (type) {
    case Type::F16:
    case Type::BF16:
    case Type::F32:
    case Type::TF32:
    case Type::F64:
    case Type::F16X2:
    case Type::BF16X2:
      return true;
    default:
      return false;
  }
}

Slot slot_of(Type type) {
  if (type == Type::PRED) {
    return Slot::predicate;
  }
  const int bytes = size_of(type);
  return bytes == 16 ? Slot::quad : bytes == 8 ? Slot::wide : Slot::word;
}

}  // namespace bnas::emu
