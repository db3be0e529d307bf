// SPDX-License-Identifier: Apache-2.0
#include "workers/worker_pool.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "bnas/core/error.hpp"
#include "support/scratch.hpp"
#include "support/toy_trainer.hpp"
#include "workers/messages.hpp"

namespace bnas::nas {
namespace {

// A child that is over may hear late that it is no suspect any more; whoever sits alone in its worker by then stays
// alone, or would be blamed for the faults of others.
TEST(WorkerPool, WhoIsOverLetsNobodyIn) {
  const test::Scratch scratch;
  ProcessOptions options;
  options.program = BNAS_TOY_WORKER;
  options.arguments = {"toy_worker"};
  options.children = 4;
  const Json setup{{"scratch", scratch.path().string()}, {"faults", {{{"do", "slow"}, {"child", 2}}}}};
  options.places.push_back({"toy", setup.dump(), scratch.path() / "worker.log"});
  WorkerPool pool(options, test::ToyTrainer().fingerprint());
  const auto request = [&](std::int64_t id, int epochs) {
    Trial trial;
    trial.id = id;
    trial.genotype = Genotype{{{-1, 0, -1, 0}}};
    trial.budget.epochs = epochs;
    const std::filesystem::path directory = scratch.path() / std::to_string(id);
    std::filesystem::create_directories(directory);
    return Json{{"type", "train"}, {"trial", to_json(trial)}, {"directory", directory.string()}};
  };
  const auto ended = [](WorkerPool::Seat& seat) {
    const auto event = seat.next(std::chrono::milliseconds(10));
    return event && std::holds_alternative<Json>(*event) && std::get<Json>(*event).at("type") == "done";
  };
  const auto first = pool.take_seat(request(1, 1), 1, Alone::as_suspect, nullptr);
  while (!ended(*first)) {
  }
  const auto second = pool.take_seat(request(2, 1000), 1, Alone::as_suspect, nullptr);  // 30 s
  EXPECT_TRUE(first->share());
  std::atomic<bool> stop{false};
  std::jthread patience([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop = true;
  });
  EXPECT_THROW(pool.take_seat(request(3, 1), 1, Alone::no, &stop), Interrupted);
}

}  // namespace
}  // namespace bnas::nas
