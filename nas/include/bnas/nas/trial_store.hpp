// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bnas/nas/trial.hpp"

namespace bnas::nas {

/// A claimed trial. The fencing number grows with every claim and refuses results of workers that were given up.
struct Claim {
  Trial trial;
  std::int64_t fence = 1;
};

/// The truth of a search. Every call is one durable transaction: a kill leaves the state before or after it.
/// Thread-safe.
class TrialStore {
 public:
  virtual ~TrialStore() = default;

  /// Adds a batch of queued trials together with the strategy's state after ask(), at once. Ids must continue those
  /// stored. The batch belongs to round batches_told() + 1.
  virtual void enqueue(const std::vector<Trial>& batch, const std::string& strategy_state) = 0;
  /// The queued trial of lowest id, now running under a lease of `lease_seconds`; nothing when none is queued.
  virtual std::optional<Claim> claim(const std::string& worker, double lease_seconds) = 0;
  /// Extends the lease; false when the claim is no longer valid and the worker should stop.
  virtual bool heartbeat(const Claim& claim, double lease_seconds) = 0;
  virtual bool record_epoch(const Claim& claim, const EpochMetrics& metrics) = 0;
  /// Stores a final result (done, diverged or failed) with its whole curve; false when fenced off.
  virtual bool finish(const Claim& claim, const Trial& result) = 0;
  /// Puts a trial back into the queue: with the reason when this attempt failed, which counts it; with "" when it was
  /// interrupted, which does not.
  virtual bool release(const Claim& claim, const std::string& failure) = 0;
  /// Requeues running trials whose lease has expired, or all of them (no other worker can be alive).
  virtual int requeue_expired(bool all) = 0;
  /// Requeues, with fresh attempts, failed trials of the round that was not told yet.
  virtual int requeue_failed() = 0;
  /// The strategy's state after tell(), replacing the last.
  virtual void save_strategy(const std::string& state, int batches_told) = 0;

  virtual std::vector<Trial> trials() const = 0;   ///< in order of id, with curves
  virtual std::string strategy_state() const = 0;  ///< "" before the first enqueue
  virtual int batches_told() const = 0;
  virtual void set_meta(const std::string& key, const std::string& value) = 0;
  virtual std::string meta(const std::string& key) const = 0;  ///< "" when absent
};

/// Time for leases, shared by all processes of one machine. Wall clocks jump; this one only needs to tell how long ago
/// something was within one boot, and a lease of an earlier boot has expired.
struct LeaseClock {
  std::string boot;             ///< names the time base; times of different ones are never compared
  std::function<double()> now;  ///< seconds, monotonic

  static LeaseClock system();
};

/// SQLite in WAL mode with full synchronization. Creates the file, or opens it after checking that it is one of ours
/// and whole (bad_data Error otherwise). `read_only` for status and reports beside a running search.
/// Doubles come back bit-exactly, but -0 as 0 and any NaN as the usual one.
/// Later calls throw io Error for a full or failing disk, bad_data for damage found on the way.
std::unique_ptr<TrialStore> open_sqlite_store(const std::filesystem::path& file, bool read_only = false,
                                              LeaseClock clock = LeaseClock::system());

}  // namespace bnas::nas
