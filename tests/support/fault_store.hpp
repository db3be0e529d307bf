// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <type_traits>

#include "bnas/nas/trial_store.hpp"

namespace bnas::test {

/// Passes everything on to another store and calls `before(n)` and `after(n)` around its n-th write (1-based): there a
/// test kills the process or throws.
class FaultStore final : public nas::TrialStore {
 public:
  explicit FaultStore(nas::TrialStore& inner) : inner_(inner) {}

  std::function<void(int)> before = [](int) {};
  std::function<void(int)> after = [](int) {};
  int writes() const { return writes_; }

  void enqueue(const std::vector<nas::Trial>& batch, const std::string& state) override {
    write([&] {
      inner_.enqueue(batch, state);
      return 0;
    });
  }
  std::optional<nas::Claim> claim(const std::string& worker, double seconds) override {
    return write([&] { return inner_.claim(worker, seconds); });
  }
  bool heartbeat(const nas::Claim& claim, double seconds) override {
    return write([&] { return inner_.heartbeat(claim, seconds); });
  }
  bool record_epoch(const nas::Claim& claim, const nas::EpochMetrics& metrics) override {
    return write([&] { return inner_.record_epoch(claim, metrics); });
  }
  bool finish(const nas::Claim& claim, const nas::Trial& result) override {
    return write([&] { return inner_.finish(claim, result); });
  }
  bool release(const nas::Claim& claim, const std::string& failure) override {
    return write([&] { return inner_.release(claim, failure); });
  }
  int requeue_expired(bool all) override {
    return write([&] { return inner_.requeue_expired(all); });
  }
  int requeue_failed() override {
    return write([&] { return inner_.requeue_failed(); });
  }
  void save_strategy(const std::string& state, int told) override {
    write([&] {
      inner_.save_strategy(state, told);
      return 0;
    });
  }
  void set_meta(const std::string& key, const std::string& value) override {
    write([&] {
      inner_.set_meta(key, value);
      return 0;
    });
  }
  std::vector<nas::Trial> trials() const override { return inner_.trials(); }
  std::string strategy_state() const override { return inner_.strategy_state(); }
  int batches_told() const override { return inner_.batches_told(); }
  std::string meta(const std::string& key) const override { return inner_.meta(key); }

 private:
  template <typename Call>
  std::invoke_result_t<Call> write(Call call) {
    const int n = ++writes_;
    before(n);
    auto result = call();
    after(n);
    return result;
  }

  nas::TrialStore& inner_;
  std::atomic<int> writes_{0};
};

}  // namespace bnas::test
