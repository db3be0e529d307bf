// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/saved_weights.hpp"

#include <fmt/format.h>

#include <set>

#include "bnas/core/error.hpp"
#include "bnas/core/io/sha256.hpp"
#include "bnas/core/io/tensor_io.hpp"

namespace bnas::nas {
namespace {

std::string shape_text(const StoredTensor& tensor) {
  return fmt::format("{} ({})", stored_type_name(tensor.type), fmt::join(tensor.shape, ", "));
}

}  // namespace

SavedWeights read_saved_weights(const std::filesystem::path& path) {
  const Bytes bytes = read_file(path, TensorFileLimits{}.file_bytes);
  return {path, parse_tensors(bytes, path.string()), sha256_hex(bytes)};
}

void start_from(const SavedWeights& weights, Training& training, Stream& stream) {
  const auto& tensors = weights.file.tensors;
  const auto refuse = [&](const std::string& what) {
    const auto cell = weights.file.metadata.find("genotype");
    throw Error(ErrorKind::usage,
                fmt::format("weights: {} is of another network: {}{}", weights.path.string(), what,
                            cell == weights.file.metadata.end() ? "" : "; it was saved for the cell " + cell->second));
  };
  std::set<std::string> own;
  training.weights([&](const std::string& name, Tensor& tensor) {
    own.insert(name);
    const auto stored = tensors.find(name);
    if (stored == tensors.end()) {
      if (tensors.contains(name + "_bits")) {
        throw Error(ErrorKind::usage, fmt::format("weights: {} holds the signs of '{}' alone; training goes on from "
                                                  "the floats, which latent.safetensors has",
                                                  weights.path.string(), name));
      }
      refuse(fmt::format("it has no tensor '{}'", name));
    }
    const Shape& shape = tensor.shape();
    StoredTensor wanted{StoredType::f32, {}, {}};
    for (int i = 0; i < shape.rank(); ++i) {
      wanted.shape.push_back(shape[i]);
    }
    if (stored->second.type != wanted.type || stored->second.shape != wanted.shape) {
      refuse(fmt::format("its tensor '{}' is {}, here {} is needed", name, shape_text(stored->second),
                         shape_text(wanted)));
    }
  });
  for (const auto& [name, tensor] : tensors) {
    if (!own.contains(name)) {
      refuse(fmt::format("its tensor '{}' has no place here", name));
    }
  }
  training.weights([&](const std::string& name, Tensor& tensor) {
    get_tensor(weights.file, name, tensor, stream, weights.path.string());
  });
}

}  // namespace bnas::nas
