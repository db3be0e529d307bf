// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "bnas/core/nn/module.hpp"

namespace bnas::nas {

/// A network that children train, with its loss. One thread, one stream.
class ChildNetwork : public nn::Module {
 public:
  struct Pass {
    Tensor logits;  ///< f32 (N,K)
    Tensor loss;    ///< f32 scalar: the mean over the batch, as its gradients have it
    std::size_t saved_bytes = 0;
  };
  /// One training pass: gradients of all parameters. images f32 (N,H,W,C), labels i32 (N), `values` a step tensor.
  /// Neither waits nor copies, so that it can be repeated (Stream::repeat).
  virtual Pass differentiate(const Tensor& images, const Tensor& labels, const Tensor& values) = 0;
  /// Before the passes of `epoch`, counted from 0, of `epochs`. True when they differ from those before in more than
  /// what they read from device memory, so that a repeated step is to be made anew.
  virtual bool begin_epoch(int epoch, int epochs) {
    (void)epoch, (void)epochs;
    return false;
  }
  /// Visits what a trained network needs to compute, binary weights as bits ("<parameter>_bits") and, where it has any,
  /// their scales ("<parameter>_scale"); buffers apart.
  virtual void packed(const std::function<void(const std::string& name, const Tensor& tensor)>& visit) = 0;
};

}  // namespace bnas::nas
