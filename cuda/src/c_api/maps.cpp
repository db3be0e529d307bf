// SPDX-License-Identifier: Apache-2.0
// Maps, rows and channels.
#include "bnas/cuda/channels.hpp"
#include "bnas/cuda/concat_bits.hpp"
#include "bnas/cuda/dropout.hpp"
#include "bnas/cuda/elementwise.hpp"
#include "bnas/cuda/rows.hpp"
#include "bnas/cuda/sign.hpp"
#include "bnas/cuda/transpose.hpp"
#include "bnas/portable/pseudo_gradient.hpp"
#include "c_api/convert.hpp"

namespace cuda = bnas::cuda;
namespace c_api = bnas::cuda::c_api;
using c_api::to_c;

static_assert(static_cast<int>(bnas::PseudoGradient::ste_sign) == BNAS_STE_SIGN);
static_assert(static_cast<int>(bnas::PseudoGradient::approx_sign) == BNAS_APPROX_SIGN);
static_assert(static_cast<int>(bnas::PseudoGradient::swish_sign) == BNAS_SWISH_SIGN);

bnas_status_t bnas_sign_backward(const float* dy, const float* x, std::int64_t n, std::int32_t pseudo_gradient,
                                 float* dx, std::int32_t accumulate, bnas_stream_t stream) {
  return c_api::with_choice(pseudo_gradient, BNAS_SWISH_SIGN + 1, "sign_backward: no bnas_pseudo_gradient", [&] {
    return cuda::sign_backward(dy, x, n, static_cast<bnas::PseudoGradient>(pseudo_gradient), dx, accumulate != 0,
                               stream);
  });
}

bnas_status_t bnas_to_float(const void* x, std::int32_t number_type, std::int64_t n, float* y, bnas_stream_t stream) {
  switch (number_type) {
    case BNAS_NUMBER_I8:
      return to_c(cuda::to_float(static_cast<const std::int8_t*>(x), n, y, stream));
    case BNAS_NUMBER_I16:
      return to_c(cuda::to_float(static_cast<const std::int16_t*>(x), n, y, stream));
    case BNAS_NUMBER_I32:
      return to_c(cuda::to_float(static_cast<const std::int32_t*>(x), n, y, stream));
    default:
      return to_c(cuda::invalid_argument("to_float: no integer bnas_number_type"));
  }
}

bnas_status_t bnas_add(const float* a, const float* b, std::int64_t n, float* y, bnas_stream_t stream) {
  return to_c(cuda::add(a, b, n, y, stream));
}

bnas_status_t bnas_scale(const float* x, std::int64_t n, float factor, float* y, std::int32_t accumulate,
                         bnas_stream_t stream) {
  return to_c(cuda::scale(x, n, factor, y, accumulate != 0, stream));
}

bnas_status_t bnas_sigmoid(const float* x, std::int64_t n, float* y, bnas_stream_t stream) {
  return to_c(cuda::sigmoid(x, n, y, stream));
}

bnas_status_t bnas_sigmoid_backward(const float* dy, const float* y, std::int64_t n, float* dx, std::int32_t accumulate,
                                    bnas_stream_t stream) {
  return to_c(cuda::sigmoid_backward(dy, y, n, dx, accumulate != 0, stream));
}

bnas_status_t bnas_relu(const float* x, std::int64_t n, float* y, bnas_stream_t stream) {
  return to_c(cuda::relu(x, n, y, stream));
}

bnas_status_t bnas_relu_backward(const float* dy, const float* y, std::int64_t n, float* dx, std::int32_t accumulate,
                                 bnas_stream_t stream) {
  return to_c(cuda::relu_backward(dy, y, n, dx, accumulate != 0, stream));
}

bnas_status_t bnas_dropout(const float* x, std::int64_t n, const bnas_step_values* step, std::uint64_t site, float rate,
                           float scale, float* y, std::int32_t accumulate, bnas_stream_t stream) {
  return to_c(cuda::dropout(x, n, c_api::from_c(step), site, rate, scale, y, accumulate != 0, stream));
}

bnas_status_t bnas_add_bias(const float* x, const float* bias, std::int64_t rows, std::int32_t columns, float* y,
                            bnas_stream_t stream) {
  return to_c(cuda::add_bias(x, bias, rows, columns, y, stream));
}

bnas_status_t bnas_sum_rows(const float* x, std::int64_t rows, std::int32_t columns, float* sums,
                            std::int32_t accumulate, bnas_stream_t stream) {
  return to_c(cuda::sum_rows(x, rows, columns, sums, accumulate != 0, stream));
}

bnas_status_t bnas_transpose(const float* x, std::int64_t count, std::int32_t rows, std::int32_t columns, float* y,
                             bnas_stream_t stream) {
  return to_c(cuda::transpose(x, count, rows, columns, y, stream));
}

namespace {

/// concat(first, count) with inputs that make(operand, channels) converts.
template <class Input, class Make, class Concat>
bnas_status_t concatenated(const bnas_concat_inputs* inputs, Make make, Concat concat) {
  constexpr auto kRefusal = "concat: inputs are null, fewer than 0 or more than BNAS_CONCAT_INPUTS";
  if (inputs == nullptr) {
    return to_c(cuda::invalid_argument(kRefusal));
  }
  return c_api::with_array<Input, BNAS_CONCAT_INPUTS>(
      inputs->count, inputs->x != nullptr && inputs->channels != nullptr, kRefusal,
      [&](std::int32_t i) { return make(inputs->x[i], inputs->channels[i]); }, concat);
}

}  // namespace

bnas_status_t bnas_concat_floats(const bnas_concat_inputs* inputs, std::int64_t rows, float* y, bnas_stream_t stream) {
  return concatenated<cuda::FloatInput>(
      inputs,
      [](const bnas_operand& x, std::int64_t channels) {
        return cuda::FloatInput{x.floats, channels};
      },
      [&](const cuda::FloatInput* first, int count) { return cuda::concat_floats(first, count, rows, y, stream); });
}

bnas_status_t bnas_concat_bits(const bnas_concat_inputs* inputs, std::int64_t rows, std::uint32_t* y,
                               bnas_stream_t stream) {
  return concatenated<cuda::PackedInput>(
      inputs,
      [](const bnas_operand& x, std::int64_t channels) {
        return cuda::PackedInput{x.bits, channels};
      },
      [&](const cuda::PackedInput* first, int count) { return cuda::concat_bits(first, count, rows, y, stream); });
}

bnas_status_t bnas_slice_channels(const float* dy, std::int64_t rows, std::int64_t channels, std::int64_t begin,
                                  std::int64_t width, float* dx, std::int32_t accumulate, bnas_stream_t stream) {
  return to_c(cuda::slice_channels(dy, rows, channels, begin, width, dx, accumulate != 0, stream));
}
