// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "bnas/core/io/safetensors.hpp"
#include "bnas/core/tensor.hpp"

namespace bnas {

/// Adds `tensor` to `file`; waits for the stream. Bits become U8 of shape (..., ceil(channels/8)): byte j of a row
/// holds channels 8j to 8j+7, the lowest in its least significant bit, 1 for -1; the metadata `bits:NAME` gives the
/// true shape.
void put_tensor(TensorFile& file, const std::string& name, const Tensor& tensor, Stream& stream);

/// Overwrites `tensor` by what `file` holds as `name`. The tensor's own shape and type decide: anything else in the
/// file is a `bad_data` Error naming `source`, the tensor, what was expected and what was found.
void get_tensor(const TensorFile& file, const std::string& name, Tensor& tensor, Stream& stream,
                const std::string& source);

}  // namespace bnas
