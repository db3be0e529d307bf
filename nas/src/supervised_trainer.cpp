// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/supervised_trainer.hpp"

#include "bnas/core/backend.hpp"
#include "bnas/core/io/file.hpp"
#include "bnas/core/io/tensor_io.hpp"
#include "child_run.hpp"

namespace bnas::nas {
namespace {

/// Shows the child's stream to whoever watches, for as long as it lives.
class Watched {
 public:
  Watched(const ChildContext& context, const Stream& stream) : context_(context) { show(&stream); }
  Watched(const Watched&) = delete;
  Watched& operator=(const Watched&) = delete;
  ~Watched() { show(nullptr); }

 private:
  void show(const Stream* stream) const {
    if (context_.on_stream) {
      context_.on_stream(stream);
    }
  }
  const ChildContext& context_;
};

}  // namespace

SupervisedTrainer::SupervisedTrainer(const SupervisedTask& task, const Train& train, const Valid& valid, Device device)
    : task_(task),
      device_(device),
      stream_(backend_for(device).make_stream()),
      train_(upload(*stream_, train.data())),
      valid_(valid.count() > 0 ? upload(*stream_, valid.data()) : DeviceImages{}) {}

Trial SupervisedTrainer::train(const Trial& trial, const ChildContext& context) {
  const auto stream = backend_for(device_).make_stream();
  const Watched watched(context, *stream);
  Trial result = ChildRun(*stream, task_, train_, valid_, trial, context).run();
  result.cost = task_.cost(trial.genotype);
  return result;
}

std::unique_ptr<Training> SupervisedTrainer::load(const Trial& trial, const std::filesystem::path& path,
                                                  Stream& stream) const {
  const TensorFile file = read_tensors(path);
  auto training = std::make_unique<Training>(stream, task_.make_network(stream, trial.genotype, RandomKey{}),
                                             task_.config().recipe);
  training->weights(
      [&](const std::string& name, Tensor& tensor) { get_tensor(file, name, tensor, stream, path.string()); });
  return training;
}

double SupervisedTrainer::measure(const Trial& trial, const ChildContext& context, const Test& test) const {
  const auto stream = backend_for(device_).make_stream();
  const Watched watched(context, *stream);
  const DeviceImages images = upload(*stream, test.data());
  return load(trial, context.directory / kBestWeightsFile, *stream)->evaluate(images.images, images.labels);
}

void SupervisedTrainer::export_best(const Trial& trial, const std::filesystem::path& directory,
                                    const std::filesystem::path& out) const {
  export_weights(trial, directory / kBestWeightsFile, out, "");
  if (task_.config().keep_last) {
    export_weights(trial, directory / kLastWeightsFile, out, "last-");
  }
}

void SupervisedTrainer::export_weights(const Trial& trial, const std::filesystem::path& from,
                                       const std::filesystem::path& out, const std::string& prefix) const {
  const auto stream = backend_for(device_).make_stream();
  const auto training = load(trial, from, *stream);
  TensorFile latent;
  TensorFile packed;
  training->network().parameters(
      [&](nn::Parameter& parameter) { put_tensor(latent, parameter.name, parameter.value, *stream); });
  training->network().packed(
      [&](const std::string& name, const Tensor& tensor) { put_tensor(packed, name, tensor, *stream); });
  training->network().buffers([&](const std::string& name, Tensor& tensor) {
    put_tensor(latent, name, tensor, *stream);
    put_tensor(packed, name, tensor, *stream);
  });
  for (TensorFile* file : {&latent, &packed}) {
    file->metadata["genotype"] = trial.text;
    file->metadata["trial"] = std::to_string(trial.id);
  }
  make_directories(out);
  write_file_atomic(out / (prefix + "latent.safetensors"), serialize_tensors(latent));
  write_file_atomic(out / (prefix + "weights.safetensors"), serialize_tensors(packed));
}

}  // namespace bnas::nas
