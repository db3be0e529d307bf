// SPDX-License-Identifier: Apache-2.0
#include "bnas/cuda/concat_bits.hpp"

#include "support/divide.cuh"
#include "support/launch.cuh"

namespace bnas::cuda {
namespace {

constexpr int kMostInputs = 16;  // of a launch

/// Inputs of one launch; input i takes channels [begin[i], begin[i + 1]) of y.
struct Inputs {
  const Word* x[kMostInputs];
  std::int64_t begin[kMostInputs + 1];
  int count;
};

/// Channels [first, first + 32) of a row of `words` words; 0 outside of them.
__device__ Word bits_from(const Word* row, std::int64_t words, std::int64_t first) {
  const std::int64_t word = first >= 0 ? first / kWordBits : -1;  // first > -32
  const auto shift = static_cast<unsigned>(first - word * kWordBits);
  const Word low = word >= 0 && word < words ? row[word] : 0U;
  const Word high = word + 1 < words ? row[word + 1] : 0U;
  return shift == 0U ? low : low >> shift | high << (kWordBits - shift);
}

/// A thread per word of y from the first channel of this launch on. Where that channel is inside a word, an earlier
/// launch has written the bits below it.
__global__ void concat_bits_kernel(const __grid_constant__ Inputs in, std::int64_t rows, std::int64_t y_words,
                                   Word* y) {
  const std::int64_t begin = in.begin[0];
  const std::int64_t first_word = begin / kWordBits;
  const std::int64_t words = words_for(in.begin[in.count]) - first_word;
  grid_stride(rows * words, [&](std::int64_t i) {
    const std::int64_t row = divide(i, words);
    const std::int64_t word = first_word + i - row * words;
    const std::int64_t channel = word * kWordBits;
    Word joined = channel < begin ? y[row * y_words + word] & tail_mask(begin) : 0U;
    for (int k = 0; k < in.count; ++k) {
      if (in.begin[k] < channel + kWordBits && in.begin[k + 1] > channel) {
        const std::int64_t x_words = words_for(in.begin[k + 1] - in.begin[k]);
        joined |= bits_from(in.x[k] + row * x_words, x_words, channel - in.begin[k]);
      }
    }
    y[row * y_words + word] = joined;
  });
}

}  // namespace

Status concat_bits(const PackedInput* inputs, int count, std::int64_t rows, Word* y, cudaStream_t stream) {
  if (count < 1 || inputs == nullptr || rows < 0 || (y == nullptr && rows > 0)) {
    return invalid_argument("concat_bits: no inputs, y is null, or rows is negative");
  }
  std::int64_t channels = 0;
  for (int i = 0; i < count; ++i) {
    if (inputs[i].channels < 0 || (inputs[i].x == nullptr && rows * inputs[i].channels > 0)) {
      return invalid_argument("concat_bits: an input is null or its channels are negative");
    }
    channels += inputs[i].channels;
  }
  if (rows * channels == 0) {
    return {};
  }
  Inputs in{};
  for (int i = 0; i < count; ++i) {
    in.x[in.count] = inputs[i].x;
    in.begin[in.count + 1] = in.begin[in.count] + inputs[i].channels;
    ++in.count;
    if (in.count == kMostInputs || i + 1 == count) {
      const std::int64_t words = words_for(in.begin[in.count]) - in.begin[0] / kWordBits;
      if (words > 0) {
        concat_bits_kernel<<<blocks_for(rows * words), kBlockThreads, 0, stream>>>(in, rows, words_for(channels), y);
      }
      if (const Status status = launched("concat_bits"); !status.ok()) {
        return status;
      }
      in.begin[0] = in.begin[in.count];
      in.count = 0;
    }
  }
  return {};
}

}  // namespace bnas::cuda
