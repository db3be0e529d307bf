// SPDX-License-Identifier: Apache-2.0
// What a search remembers: its history, and its checkpoints.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "bnas/core/error.hpp"
#include "bnas/core/io/tensor_io.hpp"
#include "bnas/core/trace.hpp"
#include "bnas/nas/child_trainer.hpp"
#include "differentiable/search_run.hpp"

namespace bnas::nas {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

const std::string kCopy = "copy.";  // before the names of copies_

bool is_decision(const std::string& line) { return line.find("\"event\":\"epoch\"") == std::string::npos; }

}  // namespace

void SearchRun::add_event(const std::string& line) {
  history_.push_back(line);
  if (context_.on_event) {
    context_.on_event(line);
  }
}

void SearchRun::add_decisions() {
  for (; reduction_ && decisions_ < reduction_->journal().size(); ++decisions_) {
    add_event(reduction_->journal()[decisions_]);
  }
}

void SearchRun::restore() {
  const auto loaded = store_.load();
  if (!loaded) {
    return;
  }
  for (const std::string& problem : loaded->problems) {
    if (context_.on_warning) {
      context_.on_warning(problem + "; going on from " + loaded->path.string());
    }
  }
  const Checkpoint& checkpoint = loaded->checkpoint;
  const auto text = [&](const char* key) {
    const auto found = checkpoint.state.metadata.find(key);
    return found == checkpoint.state.metadata.end() ? std::string() : found->second;
  };
  if (text("fingerprint") != fingerprint_) {
    throw Error(ErrorKind::bad_data, fmt::format("{}: the checkpoint belongs to another configuration or other data; "
                                                 "give the search a directory of its own",
                                                 loaded->path.string()));
  }
  std::vector<std::string> journal;
  for (const std::string& line : lines_of(text("history"))) {
    add_event(line);
    if (is_decision(line)) {
      journal.push_back(line);
    }
  }
  if (reduction_) {
    reduction_ = Reduction::replay(config_.reduction,
                                   static_cast<int>(candidates(config_.network.style.operations).size()), journal);
    decisions_ = journal.size();
    for (std::size_t i = 0; i < network_count(); ++i) {
      network(i).set_alive(reduction_->alive());
    }
  }
  units_ = checkpoint.counter("units");
  batch_ = checkpoint.counter("batch");
  supernet_left_ = checkpoint.counter("supernet_left");
  supernet_epochs_ = checkpoint.counter("supernet_epochs");
  architecture_steps_ = checkpoint.counter("architecture_steps");
  network_ = static_cast<std::size_t>(checkpoint.counter("network"));
  loss_ = std::bit_cast<double>(checkpoint.counter("loss"));
  accuracy_ = std::bit_cast<double>(checkpoint.counter("accuracy"));
  const bool sane = units_ >= 0 && units_ <= ledger_.all() && batch_ >= 0 && batch_ <= half() && supernet_left_ >= 0 &&
                    architecture_steps_ >= 0 && supernet_epochs_ >= 0 && network_ < network_count() &&
                    supernet_epochs_ + supernet_left_ <= ledger_.supernet;
  if (!sane) {
    throw Error(ErrorKind::bad_data,
                fmt::format("{}: {} units of {} is out of range; delete the directory to begin the search anew",
                            loaded->path.string(), units_, ledger_.all()));
  }
  for (std::size_t i = 0; i < network_count(); ++i) {
    network(i).state([&](const std::string& name, Tensor& tensor) {
      get_tensor(checkpoint.state, prefix(i) + name, tensor, stream_, loaded->path.string());
    });
  }
  if (checkpoint.counter("copies") != 0) {
    network(network_).weights([&](const std::string& name, Tensor& tensor) {
      Tensor& copy = copies_.emplace_back(stream_, tensor.shape(), tensor.dtype());
      get_tensor(checkpoint.state, kCopy + name, copy, stream_, loaded->path.string());
    });
  }
}

void SearchRun::save() {
  const TraceRange range(TraceCategory::io, "checkpoint", units_);
  Checkpoint checkpoint;
  checkpoint.counters = {{"units", units_},
                         {"batch", batch_},
                         {"supernet_left", supernet_left_},
                         {"supernet_epochs", supernet_epochs_},
                         {"architecture_steps", architecture_steps_},
                         {"network", static_cast<std::int64_t>(network_)},
                         {"loss", std::bit_cast<std::int64_t>(loss_)},
                         {"accuracy", std::bit_cast<std::int64_t>(accuracy_)},
                         {"copies", static_cast<std::int64_t>(copies_.size())}};
  std::string history;
  for (const std::string& line : history_) {
    history += line + "\n";
  }
  for (std::size_t i = decisions_; reduction_ && i < reduction_->journal().size(); ++i) {
    history += reduction_->journal()[i] + "\n";
  }
  checkpoint.state.metadata = {{"fingerprint", fingerprint_}, {"history", history}};
  for (std::size_t i = 0; i < network_count(); ++i) {
    network(i).state([&](const std::string& name, Tensor& tensor) {
      put_tensor(checkpoint.state, prefix(i) + name, tensor, stream_);
    });
  }
  std::size_t i = 0;
  if (!copies_.empty()) {
    network(network_).weights(
        [&](const std::string& name, Tensor&) { put_tensor(checkpoint.state, kCopy + name, copies_[i++], stream_); });
  }
  store_.save(std::move(checkpoint));
  saved_at_ = std::chrono::steady_clock::now();
}

void SearchRun::pause() {
  const bool stop = context_.stop != nullptr && context_.stop->load();
  const std::chrono::duration<double> age = std::chrono::steady_clock::now() - saved_at_;
  if (stop || age.count() > context_.checkpoint_seconds) {
    save();
  }
  if (stop) {
    throw Interrupted();
  }
}

}  // namespace bnas::nas
