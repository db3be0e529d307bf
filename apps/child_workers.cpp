// SPDX-License-Identifier: Apache-2.0
#include "child_workers.hpp"

#include <fmt/format.h>

#include "bnas/core/backend.hpp"
#include "bnas/core/error.hpp"
#include "bnas/nas/process_trainer.hpp"
#include "bnas/nas/supervised_trainer.hpp"
#include "bnas/nas/worker_server.hpp"
#include "cli/config_file.hpp"
#include "search_commands.hpp"

namespace bnas::cli {
namespace {

namespace fs = std::filesystem;

std::unique_ptr<nas::SupervisedTrainer> make_trainer(SearchObjects& objects) {
  auto trainer = std::make_unique<nas::SupervisedTrainer>(*objects.task, objects.parts->train, objects.parts->valid,
                                                          objects.devices.front());
  objects.parts.reset();
  return trainer;
}

double finish(const nas::SupervisedTrainer& trainer, const DataConfig& data, const nas::Trial& trial,
              const nas::ChildContext& context, const fs::path& out) {
  trainer.export_best(trial, context.directory, out);
  return trainer.measure(trial, context, load_test(data));
}

ChildWorkers make_threads(const Config& config, SearchObjects& objects) {
  if (objects.devices.size() > 1) {
    throw Error(ErrorKind::usage, fmt::format("device '{}' is {} devices, and threads of one process serve one: name "
                                              "it, or use --isolation process",
                                              config.device, objects.devices.size()));
  }
  auto trainer = make_trainer(objects);
  ChildWorkers out;
  out.finish = [&trainer = *trainer, &objects](const nas::Trial& trial, const fs::path& directory, const fs::path& to) {
    return finish(trainer, objects.data, trial, {directory, nullptr, {}, {}}, to);
  };
  out.trainer = std::move(trainer);
  out.at_once = worker_count(config);
  out.description = backend_for(objects.devices.front()).description();
  return out;
}

ChildWorkers make_processes(const Config& config, SearchObjects& objects, const RunDirectory& run) {
  objects.parts.reset();  // each worker loads them for itself
  nas::ProcessOptions options;
  options.program = "/proc/self/exe";
  options.arguments = {"bnas_search", kWorkerCommand};
  options.children = worker_count(config);
  options.hang_seconds = config.hang_seconds;
  for (const Device device : objects.devices) {
    Config of_worker = config;
    of_worker.device = device.text();
    std::string name = device.text();
    std::replace(name.begin(), name.end(), ':', '-');
    options.places.push_back(
        {device.text(), config_to_toml(of_worker, false), run.log().parent_path() / ("worker-" + name + ".log")});
  }
  auto trainer = std::make_unique<nas::ProcessTrainer>(*objects.task, options);
  ChildWorkers out;
  out.at_once = options.children * static_cast<int>(options.places.size());
  out.description = fmt::format("{}", fmt::join(trainer->descriptions(), "; "));
  out.finish = [&trainer = *trainer](const nas::Trial& trial, const fs::path& directory, const fs::path& to) {
    return trainer.finish(trial, directory, to);
  };
  out.trainer = std::move(trainer);
  return out;
}

/// What a worker process holds: the search of its configuration, without a strategy's part in it.
struct SearchHost : nas::WorkerHost {
  explicit SearchHost(const Config& config) : objects(config) {
    auto supervised = make_trainer(objects);
    finish = [this, &trained = *supervised](const nas::Trial& trial, const nas::ChildContext& context,
                                            const fs::path& out) {
      return cli::finish(trained, objects.data, trial, context, out);
    };
    trainer = std::move(supervised);
    Backend& backend = backend_for(objects.devices.front());
    description = backend.description();
    memory = backend.memory();
  }
  SearchObjects objects;
};

}  // namespace

ChildWorkers make_child_workers(const Config& config, SearchObjects& objects, const RunDirectory& run) {
  const bool processes =
      config.isolation == "process" || (config.isolation == "auto" && objects.devices.front().type != DeviceType::cpu);
  return processes ? make_processes(config, objects, run) : make_threads(config, objects);
}

int run_worker_command() {
  return nas::serve_worker(nas::kWorkerSocket, [](const std::string& setup) -> std::unique_ptr<nas::WorkerHost> {
    Config config;
    Origins origins;
    read_config_text(config, origins, setup, "the worker's configuration", {});
    return std::make_unique<SearchHost>(config);
  });
}

}  // namespace bnas::cli
