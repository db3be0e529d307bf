// SPDX-License-Identifier: Apache-2.0
// Children trained per hour with 1, 2, 4, 8 and 16 at once on one device, as a search trains them: the trainer with its
// checkpoints, the reference child (flat space, [0, '3x3 bconv', 0, '5x5 bconv'], batch 128), made-up images.
//   children_bench [--device cpu|cuda|cuda:N] [--images N] [--epochs N] [--at-once N] [--json]
// The first GPU where there is one, else the CPU; no more than --at-once of them. Exit code 69 where the device is not
// there.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "bnas/core/backend.hpp"
#include "bnas/core/data/split.hpp"
#include "bnas/core/data/synthetic.hpp"
#include "bnas/core/error.hpp"
#include "bnas/nas/cell_task.hpp"
#include "bnas/nas/supervised_trainer.hpp"

namespace {

using namespace bnas;
using namespace bnas::nas;

constexpr int kCounts[] = {1, 2, 4, 8, 16};
constexpr int kChildrenEach = 2;  // one after the other in each thread: start and end are part of it

struct Options {
  Device device = available_devices().size() > 1 ? available_devices()[1] : Device{};
  std::int64_t images = 4096;
  int epochs = 1;
  int at_once = 16;
  bool json = false;
};

/// False for anything that is not understood.
bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string key = argv[i];
    if (key == "--json") {
      options.json = true;
      continue;
    }
    if (++i == argc) {
      return false;
    }
    if (key == "--device") {
      options.device = Device::parse(argv[i]);
    } else if (key == "--images") {
      options.images = std::atoll(argv[i]);
    } else if (key == "--epochs") {
      options.epochs = std::atoi(argv[i]);
    } else if (key == "--at-once") {
      options.at_once = std::atoi(argv[i]);
    } else {
      return false;
    }
  }
  return options.images >= 1 && options.epochs >= 1;
}

TrainValid images(std::int64_t count) {
  const std::int64_t valid = std::min<std::int64_t>(count, 512);
  SyntheticSpec spec;
  spec.train_count = count + valid;
  SplitOptions parts;
  parts.valid_count = valid;
  return split(make_synthetic_train(spec), parts);
}

/// A directory that goes with the object.
class Checkpoints {
 public:
  Checkpoints() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bnas-children-XXXXXX").string();
    check(mkdtemp(pattern.data()) != nullptr, "children_bench", "no directory for checkpoints");
    path_ = pattern;
  }
  ~Checkpoints() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Checkpoints(const Checkpoints&) = delete;
  Checkpoints& operator=(const Checkpoints&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Seconds that `at_once` threads take to train kChildrenEach children each; the first error ends the program.
double seconds(SupervisedTrainer& trainer, const Options& options, int at_once) {
  const Checkpoints checkpoints;
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(at_once));
  const auto train = [&](int worker) {
    try {
      for (int k = 0; k < kChildrenEach; ++k) {
        Trial trial;
        trial.id = worker * kChildrenEach + k + 1;
        trial.genotype = Genotype{{{-1, 0, -1, 1}}};
        trial.budget = {options.epochs, 0};
        ChildContext context;
        context.directory = checkpoints.path() / std::to_string(trial.id);
        std::filesystem::create_directory(context.directory);
        trainer.train(trial, context);
      }
    } catch (...) {
      errors[static_cast<std::size_t>(worker)] = std::current_exception();
    }
  };
  const auto start = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(at_once));
  for (int worker = 0; worker < at_once; ++worker) {
    threads.emplace_back(train, worker);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const std::exception_ptr& error : errors) {
    if (error) {
      std::rethrow_exception(error);
    }
  }
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void run(const Options& options) {
  const std::string device = backend_for(options.device).description();
  const SearchSpace space(SpaceConfig::flat({"3x3 bconv", "5x5 bconv"}, 1));
  const OperationRegistry registry = OperationRegistry::builtin();
  const TrainValid data = images(options.images);
  const TrainerConfig training;  // named: GCC 12 takes members of an unnamed one for uninitialized
  const CellTask task(space, registry, {}, training, data.train, data.valid);
  SupervisedTrainer trainer(task, data.train, data.valid, options.device);
  std::fprintf(stderr, "%s: %s; %lld images, %d epochs\n", options.device.text().c_str(), device.c_str(),
               static_cast<long long>(options.images), options.epochs);
  seconds(trainer, options, 1);  // warm up
  if (!options.json) {
    std::printf("%8s %14s %12s %8s\n", "at once", "children/hour", "images/s", "speedup");
  }
  double alone = 0.0;
  for (const int at_once : kCounts) {
    if (at_once > options.at_once) {
      break;
    }
    const double time = seconds(trainer, options, at_once);
    const double children = at_once * kChildrenEach / time;
    const double rate = children * static_cast<double>(options.images) * options.epochs;
    alone = at_once == 1 ? children : alone;
    if (options.json) {
      std::printf(
          "{\"device\": \"%s\", \"at_once\": %d, \"children_per_hour\": %.1f, \"images_per_second\": %.1f, "
          "\"speedup\": %.3f}\n",
          options.device.text().c_str(), at_once, 3600.0 * children, rate, children / alone);
    } else {
      std::printf("%8d %14.0f %12.0f %8.2f\n", at_once, 3600.0 * children, rate, children / alone);
    }
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Options options;
    if (!parse(argc, argv, options)) {
      std::fprintf(
          stderr,
          "usage: children_bench [--device cpu|cuda|cuda:N] [--images N] [--epochs N] [--at-once N] [--json]\n");
      return 2;
    }
    run(options);
    return 0;
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return error.kind() == ErrorKind::unavailable ? 69 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
