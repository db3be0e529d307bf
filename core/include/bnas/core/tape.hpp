// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "bnas/core/saved.hpp"
#include "bnas/core/tensor.hpp"

namespace bnas {

/// Whether a kernel overwrites its gradient output or adds to it.
enum class GradMode : std::uint8_t { overwrite, accumulate };

class Tape;

/// A value of the computation: a tensor and where it stands on the tape. Without a node it is a constant.
/// The gradient of a Var has its shape and is always f32, also for bits and integers.
struct Var {
  Tensor value;
  std::int32_t node = -1;
  Tensor sums{};  ///< of `value` per channel (sums_shape), where its producer made them for a batch norm
  std::shared_ptr<Remake> remake{};  ///< how to make the value again, where its producer knows and the tape wants to

  bool needs_grad() const { return node >= 0; }
  const Shape& shape() const { return value.shape(); }
};

/// Of sums per channel, u8: the bytes of 2 C std::int64_t, the sum of each of C channels over all rows, then that of
/// its squares.
inline Shape sums_shape(std::int64_t channels) {
  return {2 * channels * static_cast<std::int64_t>(sizeof(std::int64_t))};
}

/// A gradient that a backward function must write: `tensor` is f32, written as `mode` says.
struct GradSlot {
  Tensor tensor;
  GradMode mode;
};

/// A gradient where it lies: channels [begin, begin + C) of `tensor`, f32, for a value of C channels and as many rows.
struct GradColumns {
  Tensor tensor;
  std::int64_t begin = 0;

  /// Whether a value of this shape can have this gradient.
  bool fit(const Shape& shape) const {
    return tensor.defined() && tensor.dtype() == DType::f32 && tensor.shape().rows() == shape.rows() && begin >= 0 &&
           begin + shape.channels() <= tensor.shape().channels();
  }
};

/// What a backward function sees: the upstream gradient, what forward kept, and the gradients it owes.
class BackwardContext {
 public:
  Stream& stream() const { return stream_; }
  /// f32, shape of the output. Only to be read: other nodes may have been passed the same.
  const Tensor& dy();
  /// The same as it lies, for kernels that read columns: dy() would first copy them out of a wider gradient.
  const GradColumns& dy_columns() const { return dy_; }
  /// Undefined where forward kept nothing. Made now, where it was not kept itself.
  const Tensor& saved(std::size_t i) const { return saved_[i].value(stream_); }
  /// True when input i wants a gradient; skip its work otherwise.
  bool wants(std::size_t i) const;
  /// The slot of input i (valid only when wanted). Ask once per input and write it wholly.
  GradSlot dx(std::size_t i);
  /// In place of dx(i): the gradient of input i, of as many elements as the output, is dy. Where nothing else is added
  /// to it, nothing is copied. Does nothing where it is not wanted.
  void pass(std::size_t i);
  /// The same of channels [begin, begin + C) of dy, for an input of C channels and the output's rows.
  void pass_columns(std::size_t i, std::int64_t begin);

 private:
  friend class Tape;
  BackwardContext(Tape& tape, Stream& stream, const Shape& shape, GradColumns dy, const std::vector<Saved>& saved,
                  const std::vector<Var>& inputs)
      : tape_(tape), stream_(stream), shape_(shape), dy_(std::move(dy)), saved_(saved), inputs_(inputs) {}
  Tape& tape_;
  Stream& stream_;
  const Shape& shape_;  // of the output
  GradColumns dy_;
  const std::vector<Saved>& saved_;
  const std::vector<Var>& inputs_;  // values dropped, nodes and shapes kept
};

/// Records one training step and replays it backwards. Made per step, used by one thread.
/// Nodes are visited in exactly the reverse order of recording, so sums of gradients have a fixed order.
class Tape {
 public:
  using Backward = std::function<void(BackwardContext&)>;

  explicit Tape(Stream& stream, Keep keep = Keep::values) : stream_(stream), keep_(keep) {}
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  Keep keep() const { return keep_; }

  /// A leaf whose gradient is written (first use) or added (later uses) into `grad`, an f32 tensor of the same shape.
  /// `grad_started` decides the first write: overwrite replaces what an earlier step left.
  Var leaf(const Tensor& value, const Tensor& grad, GradMode first_write = GradMode::overwrite);

  /// Records `y = op(inputs)`. `saved` is everything that `backward` reads again: it is counted by saved_bytes() and
  /// released as soon as the node's backward has run. Returns a constant when no input needs a gradient.
  Var record(const char* op, Tensor y, std::vector<Var> inputs, std::vector<Saved> saved, Backward backward);

  /// Gradients of the scalar `loss` for all leaves. A tape runs backward once.
  void backward(const Var& loss);
  /// The same of a loss whose gradient with respect to `y` is known: `dy`, f32 of its shape.
  void backward(const Var& y, const Tensor& dy);

  /// Bytes kept for backward now; storage shared by several nodes counts once. With Keep::floats of f32 alone.
  std::size_t saved_bytes() const;
  /// The same by operation, in the order of first use.
  std::vector<std::pair<std::string, std::size_t>> saved_by_op() const;

 private:
  friend class BackwardContext;
  struct Node {
    const char* op;
    Shape shape;
    std::vector<Var> inputs;
    std::vector<Saved> saved;
    Backward backward;  // empty for leaves
    GradColumns grad;   // leaves: the caller's tensor
    bool grad_written = false;
    bool grad_lent = false;  // another node's or the caller's, only to be read
  };
  GradSlot slot(std::int32_t node);
  void pass(std::int32_t node, const GradColumns& dy);

  void keep_floats(std::vector<Saved>& saved);

  Stream& stream_;
  Keep keep_;
  std::vector<Node> nodes_;
  std::unordered_map<const void*, std::int32_t> leaves_;  // by the address of their gradient
  std::unordered_map<const void*, Tensor> floats_;        // Keep::floats: of kept bits and integers
};

enum class Mode : std::uint8_t { train, eval };

/// What every operation is given besides its inputs. `tape` is null for inference.
struct Context {
  Stream& stream;
  Tape* tape = nullptr;
  Mode mode = Mode::eval;
  Tensor step{};  ///< StepValues of a training step (bnas/core/step_feed.hpp); random operations need it
  std::uint64_t random_site = 0;  ///< counts the random operations of one pass, so that each has numbers of its own

  bool training() const { return mode == Mode::train; }
  /// Whether values shall say how they are made again.
  bool remakes() const { return tape != nullptr && tape->keep() == Keep::parts; }
  /// Records on the tape when there is one, else returns the bare value.
  Var record(const char* op, Tensor y, std::vector<Var> inputs, std::vector<Saved> saved, Tape::Backward backward) {
    return tape == nullptr ? Var{std::move(y)}
                           : tape->record(op, std::move(y), std::move(inputs), std::move(saved), std::move(backward));
  }
};

}  // namespace bnas
