// SPDX-License-Identifier: Apache-2.0
// What the op functions share: checks whose messages name op, operand and shapes, and gradients that pass unchanged.
#pragma once

#include <initializer_list>
#include <string>

#include "bnas/core/kernel_table.hpp"
#include "bnas/core/kernels/elementwise.hpp"
#include "bnas/core/tape.hpp"

namespace bnas::ops {

[[noreturn]] void fail(const char* op, const std::string& message);
void require_defined(const char* op, const char* what, const Tensor& x);
/// Also refuses an undefined tensor.
void require_dtype(const char* op, const char* what, const Tensor& x, std::initializer_list<DType> allowed);
void require_rank(const char* op, const char* what, const Tensor& x, int rank);
void require_shape(const char* op, const char* what, const Tensor& x, const Shape& expected);

inline bool is_integer(DType dtype) { return dtype == DType::i8 || dtype == DType::i16 || dtype == DType::i32; }

/// Whether backward will ask for x's gradient, so that forward must keep something for it.
inline bool wants_grad(const Context& ctx, const Var& x) { return ctx.tape != nullptr && x.needs_grad(); }

/// x, kept for the gradient of `other` alone.
inline Saved for_gradient_of(const Context& ctx, const Var& other, const Var& x) {
  return wants_grad(ctx, other) ? Saved(x) : Saved();
}

/// y with how it is made again, where the tape wants to know.
template <class Make>
Var remade(const Context& ctx, Var y, std::vector<Saved> parts, Make make) {
  if (ctx.remakes()) {
    y.remake = std::make_shared<Remake>(std::move(parts), std::move(make));
  }
  return y;
}

/// x as f32: itself, or converted.
Tensor as_float(Stream& stream, const Tensor& x);

/// dx (+)= the value that `write` leaves in a tensor it overwrites: for kernels without a mode.
template <class Write>
void write_gradient(Stream& stream, GradSlot slot, Write&& write) {
  if (slot.mode == GradMode::overwrite) {
    write(slot.tensor);
    return;
  }
  Tensor part(stream, slot.tensor.shape(), DType::f32);
  write(part);
  dispatch<kernels::Scale>(stream, part, 1.0F, slot.tensor, GradMode::accumulate);
}

}  // namespace bnas::ops
