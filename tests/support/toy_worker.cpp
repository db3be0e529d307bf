// SPDX-License-Identifier: Apache-2.0
// A worker process that trains toys and does, at the epoch that its setup names, what workers should not do. Setup, in
// JSON: {"scratch": folder, "seed": 1, "capacity": bytes, "refuse": text, "faults": [{"do": ..., "child": 3,
// "epoch": 2, "once": true}]}; "once" holds over all processes with the same scratch folder.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "bnas/core/error.hpp"
#include "bnas/nas/worker_server.hpp"
#include "support/toy_trainer.hpp"

namespace bnas::test {
namespace {

using Json = nlohmann::json;

std::atomic<int> children{0};

[[noreturn]] void sleep_for_ever() {
  for (;;) {
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

void misbehave(const std::string& what) {
  if (what == "segv") {
    std::raise(SIGSEGV);
  } else if (what == "kill") {
    std::raise(SIGKILL);
  } else if (what == "exit") {
    std::fputs("a last word\n", stderr);
    _exit(99);
  } else if (what == "fault") {
    throw DeviceFault(FaultScope::process, "[conv] toy: an illegal memory access was encountered");
  } else if (what == "lost") {
    throw DeviceFault(FaultScope::device, "[conv] toy: uncorrectable ECC error encountered");
  } else if (what == "unclear") {
    throw DeviceFault(FaultScope::unclear, "[conv] toy: unknown error");
  } else if (what == "hang") {
    sleep_for_ever();
  } else if (what == "throw") {
    throw std::runtime_error("bad shape");
  } else if (what == "out_of_memory" || (what == "out_of_memory_in_company" && children > 1)) {
    throw OutOfMemory("[allocate] toy: out of memory, 123456 bytes wanted");
  } else if (what == "slow") {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
  }
}

class FaultyTrainer final : public nas::ChildTrainer {
 public:
  explicit FaultyTrainer(Json setup) : setup_(std::move(setup)), toy_(setup_.value("seed", 1)) {
    toy_.before_epoch = [this](const nas::Trial& trial, int epoch) {
      for (std::size_t i = 0; i < setup_["faults"].size(); ++i) {
        const Json& fault = setup_["faults"][i];
        const bool here = fault.value("child", trial.id) == trial.id && fault.value("epoch", epoch) == epoch;
        if (here && (!fault.value("once", false) || first(i))) {
          misbehave(fault["do"]);
        }
      }
      stream_->mark_step();
    };
  }
  std::string fingerprint() const override { return toy_.fingerprint(); }
  nas::NetworkCost cost(const nas::Genotype& genotype) const override { return toy_.cost(genotype); }
  nas::Trial train(const nas::Trial& trial, const nas::ChildContext& context) override {
    const auto stream = backend_for(Device{}).make_stream();
    stream_ = stream.get();
    const Company company;
    context.on_stream(stream_);
    const Hidden hidden{context};
    return toy_.train(trial, context);
  }

 private:
  struct Company {
    Company() { ++children; }
    ~Company() { --children; }
    Company(const Company&) = delete;
    Company& operator=(const Company&) = delete;
  };
  struct Hidden {
    const nas::ChildContext& context;
    ~Hidden() { context.on_stream(nullptr); }
  };

  bool first(std::size_t fault) const {
    const auto mark = std::filesystem::path(setup_["scratch"].get<std::string>()) / ("fault" + std::to_string(fault));
    return std::filesystem::create_directory(mark);
  }

  Json setup_;
  ToyTrainer toy_;
  static thread_local Stream* stream_;
};

thread_local Stream* FaultyTrainer::stream_ = nullptr;

std::unique_ptr<nas::WorkerHost> make_host(const std::string& text) {
  const Json setup = Json::parse(text);
  if (setup.contains("refuse")) {
    throw Error(ErrorKind::unavailable, setup["refuse"].get<std::string>());
  }
  auto host = std::make_unique<nas::WorkerHost>();
  host->trainer = std::make_unique<FaultyTrainer>(setup);
  host->finish = [](const nas::Trial& trial, const nas::ChildContext& context, const std::filesystem::path& out) {
    std::ofstream(out) << std::filesystem::exists(context.directory / "state");
    return trial.reward / 2.0;
  };
  host->description = "a toy";
  host->memory.free = setup.value("capacity", std::uint64_t{0});
  return host;
}

}  // namespace
}  // namespace bnas::test

int main() { return bnas::nas::serve_worker(bnas::nas::kWorkerSocket, bnas::test::make_host); }
