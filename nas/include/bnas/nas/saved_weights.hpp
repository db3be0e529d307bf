// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "bnas/core/io/safetensors.hpp"
#include "bnas/nas/training.hpp"

namespace bnas::nas {

/// Weights of a trained network, to start another training from.
struct SavedWeights {
  std::filesystem::path path;
  TensorFile file;
  std::string digest;  ///< SHA-256 of the file
};

/// Errors as read_tensors().
SavedWeights read_saved_weights(const std::filesystem::path& path);

/// Overwrites weights and running statistics. usage Error that names the first difference unless the file has exactly
/// the tensors that `training` has, of the same shapes, in floating point: signs alone cannot be trained on.
void start_from(const SavedWeights& weights, Training& training, Stream& stream);

}  // namespace bnas::nas
