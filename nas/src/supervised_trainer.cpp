// SPDX-License-Identifier: Apache-2.0
#include "bnas/nas/supervised_trainer.hpp"

#include <fmt/format.h>

#include "bnas/core/backend.hpp"
#include "bnas/core/error.hpp"
#include "bnas/core/io/tensor_io.hpp"
#include "bnas/core/ops/binary.hpp"
#include "child_run.hpp"

namespace bnas::nas {
namespace {

constexpr int kRecipeVersion = 2;  // raised when the same configuration trains differently than before

}  // namespace

SupervisedTrainer::SupervisedTrainer(const SearchSpace& space, const OperationRegistry& registry, TrainerConfig config,
                                     const Train& train, const Valid& valid, Device device)
    : space_(space),
      registry_(registry),
      config_(std::move(config)),
      device_(device),
      stream_(backend_for(device).make_stream()),
      train_(upload(*stream_, train.data())),
      valid_(upload(*stream_, valid.data())) {
  config_.network.height = static_cast<int>(train.data().height);
  config_.network.width = static_cast<int>(train.data().width);
  config_.network.channels = static_cast<int>(train.data().channels);
  config_.network.classes = train.data().classes;
  config_.network.validate(space.config().kind);
  config_.recipe.validate();
  registry.require(space.config().operators);
  if (train.count() == 0 || valid.count() == 0) {
    throw Error(ErrorKind::usage, fmt::format("{} training and {} validation images: both must be at least 1",
                                              train.count(), valid.count()));
  }
  data_digest_ = train.data().digest() + "/" + valid.data().digest();
}

std::string SupervisedTrainer::fingerprint() const {
  const NetworkConfig& network = config_.network;
  return fmt::format("v{} data={} seed={} cells={} filters={} dense={} stem_stride={} {}", kRecipeVersion, data_digest_,
                     config_.seed, network.cells, fmt::join(network.filters, ","), fmt::join(network.dense, ","),
                     network.stem_stride, config_.recipe.text());
}

NetworkPlan SupervisedTrainer::plan(const Genotype& genotype) const {
  return build_network_plan(space_, genotype, registry_, config_.network);
}

NetworkCost SupervisedTrainer::cost(const Genotype& genotype) const { return plan(genotype).cost(); }

Trial SupervisedTrainer::train(const Trial& trial, const ChildContext& context) {
  const auto stream = backend_for(device_).make_stream();
  NetworkPlan network = plan(trial.genotype);
  const NetworkCost cost = network.cost();
  Trial result = ChildRun(*stream, std::move(network), config_, train_, valid_, trial, context).run();
  result.cost = cost;
  return result;
}

std::unique_ptr<Training> SupervisedTrainer::load_best(const Trial& trial, const std::filesystem::path& directory,
                                                       Stream& stream) const {
  const std::filesystem::path path = directory / kBestWeightsFile;
  const TensorFile file = read_tensors(path);
  auto training = std::make_unique<Training>(stream, plan(trial.genotype), config_.recipe, RandomKey{});
  training->weights(
      [&](const std::string& name, Tensor& tensor) { get_tensor(file, name, tensor, stream, path.string()); });
  return training;
}

double SupervisedTrainer::measure(const Trial& trial, const std::filesystem::path& directory, const Test& test) const {
  const auto stream = backend_for(device_).make_stream();
  const DeviceImages images = upload(*stream, test.data());
  return load_best(trial, directory, *stream)->evaluate(images.images, images.labels);
}

void SupervisedTrainer::export_best(const Trial& trial, const std::filesystem::path& directory,
                                    const std::filesystem::path& out) const {
  const auto stream = backend_for(device_).make_stream();
  const auto training = load_best(trial, directory, *stream);
  TensorFile latent;
  TensorFile packed;
  training->network().parameters([&](nn::Parameter& parameter) {
    put_tensor(latent, parameter.name, parameter.value, *stream);
    if (parameter.role == nn::ParamRole::latent_binary) {
      Context ctx{*stream};
      put_tensor(packed, parameter.name + "_bits", ops::sign(ctx, Var{parameter.value}).value, *stream);
    } else {
      put_tensor(packed, parameter.name, parameter.value, *stream);
    }
  });
  training->network().buffers([&](const std::string& name, Tensor& tensor) {
    put_tensor(latent, name, tensor, *stream);
    put_tensor(packed, name, tensor, *stream);
  });
  for (TensorFile* file : {&latent, &packed}) {
    file->metadata["genotype"] = trial.text;
    file->metadata["trial"] = std::to_string(trial.id);
  }
  std::filesystem::create_directories(out);
  write_file_atomic(out / "latent.safetensors", serialize_tensors(latent));
  write_file_atomic(out / "weights.safetensors", serialize_tensors(packed));
}

}  // namespace bnas::nas
