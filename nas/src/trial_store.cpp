// SPDX-License-Identifier: Apache-2.0
// One connection, one mutex, one transaction per call. Durability and atomicity are SQLite's (WAL, synchronous=FULL);
// this file only decides what belongs into one transaction.
#include "bnas/nas/trial_store.hpp"

#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <limits>
#include <mutex>

#include "bnas/core/error.hpp"
#include "store_schema.hpp"

namespace bnas::nas {
namespace {

using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;

constexpr const char* kNow = "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')";

class SqliteStore final : public TrialStore {
 public:
  SqliteStore(const std::filesystem::path& file, bool read_only, LeaseClock clock)
      : db_(file, read_only), clock_(std::move(clock)) {
    sqlite::open_schema(db_, read_only);
  }

  void enqueue(const std::vector<Trial>& batch, const std::string& strategy_state) override {
    const std::lock_guard lock(mutex_);
    Transaction transaction(db_, Transaction::Kind::write);
    const std::int64_t stored = sqlite::scalar(db_, "SELECT coalesce(max(id), 0) FROM trials");
    const int told = told_unlocked();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      const Trial& t = batch[i];
      if (t.id != stored + static_cast<std::int64_t>(i) + 1) {
        throw Error(ErrorKind::internal, fmt::format("{}: trial {} enqueued where {} is next", db_.file(), t.id,
                                                     stored + static_cast<std::int64_t>(i) + 1));
      }
      Statement insert(db_, fmt::format("INSERT INTO trials VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', 0, 0, '', '', "
                                        "0.0, 0.0, 0, ?, ?, ?, ?, 0.0, '', {}, NULL, NULL)",
                                        kNow));
      insert.bind(t.id).bind(told + 1).bind(t.level).bind(t.rank).bind_blob(sqlite::pack(t.genotype)).bind(t.text);
      insert.bind(t.budget.epochs).bind(t.budget.max_images).bind(t.predicted);
      insert.bind(t.cost.binary_weights).bind(t.cost.real_weights).bind(t.cost.binary_macs).bind(t.cost.real_macs);
      insert.run();
    }
    put_strategy(strategy_state, told);
    transaction.commit();
  }

  std::optional<Claim> claim(const std::string& worker, double lease_seconds) override {
    const std::lock_guard lock(mutex_);
    Transaction transaction(db_, Transaction::Kind::write);
    std::optional<Claim> claimed;
    {
      Statement update(db_, fmt::format("UPDATE trials SET status = 'running', fence = fence + 1, worker = ?, "
                                        "lease_boot = ?, lease_until = ?, started_at = {} WHERE id = (SELECT min(id) "
                                        "FROM trials WHERE status = 'queued') RETURNING {}",
                                        kNow, sqlite::kTrialColumns));
      update.bind(worker).bind(clock_.boot).bind(clock_.now() + lease_seconds);
      if (update.step()) {
        claimed = Claim{sqlite::read_trial(db_, update), update.integer(sqlite::kFenceColumn)};
        update.run();
      }
    }
    if (claimed) {
      read_curves({&claimed->trial, 1}, claimed->trial.id);
    }
    transaction.commit();
    return claimed;
  }

  bool heartbeat(const Claim& claim, double lease_seconds) override {
    const std::lock_guard lock(mutex_);
    Transaction transaction(db_, Transaction::Kind::write);
    Statement update(db_,
                     "UPDATE trials SET lease_boot = ?, lease_until = ? WHERE id = ? AND status = 'running' AND "
                     "fence = ?");
    update.bind(clock_.boot).bind(clock_.now() + lease_seconds).bind(claim.trial.id).bind(claim.fence);
    const bool held = update.run() == 1;
    transaction.commit();
    return held;
  }

  bool record_epoch(const Claim& claim, const EpochMetrics& metrics) override {
    const std::lock_guard lock(mutex_);
    Transaction transaction(db_, Transaction::Kind::write);
    if (!holds(claim)) {
      return false;
    }
    put_epoch(claim.trial.id, metrics);
    transaction.commit();
    return true;
  }

  bool finish(const Claim& claim, const Trial& result) override {
    if (!is_final(result.status)) {
      throw Error(ErrorKind::internal,
                  fmt::format("{}: trial {} finished as {}", db_.file(), result.id, trial_status_name(result.status)));
    }
    const std::lock_guard lock(mutex_);
    Transaction transaction(db_, Transaction::Kind::write);
    if (!holds(claim)) {
      return false;
    }
    Statement update(db_, fmt::format("UPDATE trials SET status = ?, reward = ?, best_epoch = ?, binary_weights = ?, "
                                      "real_weights = ?, binary_macs = ?, real_macs = ?, seconds = ?, message = ?, "
                                      "ended_at = {} WHERE id = ?",
                                      kNow));
    update.bind(std::string_view(trial_status_name(result.status))).bind(result.reward).bind(result.best_epoch);
    update.bind(result.cost.binary_weights).bind(result.cost.real_weights);
    update.bind(result.cost.binary_macs).bind(result.cost.real_macs);
    update.bind(result.seconds).bind(result.message).bind(claim.trial.id).run();
    // A kill may have fallen between a child's checkpoint and record_epoch: the result's own curve is the whole one.
    clear_epochs(claim.trial.id);
    for (const EpochMetrics& metrics : result.curve) {
      put_epoch(claim.trial.id, metrics);
    }
    transaction.commit();
    return true;
  }

  bool release(const Claim& claim, const std::string& failure) override {
    const std::lock_guard lock(mutex_);
    Transaction transaction(db_, Transaction::Kind::write);
    if (!holds(claim)) {
      return false;
    }
    if (failure.empty()) {
      Statement(db_, "UPDATE trials SET status = 'queued' WHERE id = ?").bind(claim.trial.id).run();
    } else {
      Statement update(db_, "UPDATE trials SET status = 'queued', failures = failures + 1, message = ? WHERE id = ?");
      update.bind(failure).bind(claim.trial.id).run();
    }
    transaction.commit();
    return true;
  }

  int requeue_expired(bool all) override {
    const std::lock_guard lock(mutex_);
    Transaction transaction(db_, Transaction::Kind::write);
    Statement update(db_,
                     "UPDATE trials SET status = 'queued' WHERE status = 'running' AND (? OR lease_boot <> ? OR "
                     "lease_until < ?)");
    const int count = update.bind(all ? 1 : 0).bind(clock_.boot).bind(clock_.now()).run();
    transaction.commit();
    return count;
  }

  int requeue_failed() override {
    const std::lock_guard lock(mutex_);
    Transaction transaction(db_, Transaction::Kind::write);
    Statement update(db_, "UPDATE trials SET status = 'queued', failures = 0 WHERE status = 'failed' AND batch > ?");
    const int count = update.bind(told_unlocked()).run();
    transaction.commit();
    return count;
  }

  void save_strategy(const std::string& state, int batches_told) override {
    const std::lock_guard lock(mutex_);
    Transaction transaction(db_, Transaction::Kind::write);
    put_strategy(state, batches_told);
    transaction.commit();
  }

  std::vector<Trial> trials() const override {
    const std::lock_guard lock(mutex_);
    Transaction transaction(db_, Transaction::Kind::read);
    std::vector<Trial> all;
    Statement rows(db_, fmt::format("SELECT {} FROM trials ORDER BY id", sqlite::kTrialColumns));
    while (rows.step()) {
      all.push_back(sqlite::read_trial(db_, rows));
      if (all.back().id != static_cast<std::int64_t>(all.size())) {
        db_.damaged(fmt::format("trial {} where {} is next", all.back().id, all.size()));
      }
    }
    read_curves(all, 0);
    return all;
  }

  std::string strategy_state() const override {
    const std::lock_guard lock(mutex_);
    Statement row(db_, "SELECT state FROM strategy");
    return row.step() ? row.text(0) : std::string();
  }

  int batches_told() const override {
    const std::lock_guard lock(mutex_);
    return told_unlocked();
  }

  void set_meta(const std::string& key, const std::string& value) override {
    const std::lock_guard lock(mutex_);
    Transaction transaction(db_, Transaction::Kind::write);
    Statement(db_, "INSERT OR REPLACE INTO meta VALUES (?, ?)").bind(key).bind(value).run();
    transaction.commit();
  }

  std::string meta(const std::string& key) const override {
    const std::lock_guard lock(mutex_);
    Statement row(db_, "SELECT value FROM meta WHERE key = ?");
    row.bind(key);
    return row.step() ? row.text(0) : std::string();
  }

 private:
  int told_unlocked() const {
    Statement row(db_, "SELECT batches_told FROM strategy");
    return row.step() ? static_cast<int>(row.integer(0, 0, std::numeric_limits<int>::max() - 1, "batches told")) : 0;
  }

  bool holds(const Claim& claim) const {
    Statement row(db_, "SELECT 1 FROM trials WHERE id = ? AND status = 'running' AND fence = ?");
    return row.bind(claim.trial.id).bind(claim.fence).step();
  }

  void put_strategy(const std::string& state, int batches_told) const {
    Statement(db_, "INSERT OR REPLACE INTO strategy VALUES (1, ?, ?)").bind(state).bind(batches_told).run();
  }

  void clear_epochs(std::int64_t trial) const {
    Statement(db_, "DELETE FROM epochs WHERE trial = ?").bind(trial).run();
  }

  void put_epoch(std::int64_t trial, const EpochMetrics& m) const {
    Statement insert(db_, "INSERT OR REPLACE INTO epochs VALUES (?, ?, ?, ?, ?, ?)");
    insert.bind(trial).bind(m.epoch).bind(m.train_loss).bind(m.train_accuracy).bind(m.valid_accuracy);
    insert.bind(m.learning_rate).run();
  }

  /// Fills the curves of `all` (ascending ids); `only` 0 reads those of every trial.
  void read_curves(std::span<Trial> all, std::int64_t only) const {
    Statement rows(db_,
                   "SELECT trial, epoch, train_loss, train_accuracy, valid_accuracy, learning_rate FROM epochs "
                   "WHERE ? = 0 OR trial = ? ORDER BY trial, epoch");
    rows.bind(only).bind(only);
    std::size_t i = 0;
    while (rows.step()) {
      const std::int64_t id = rows.integer(0);
      while (i < all.size() && all[i].id < id) {
        ++i;
      }
      if (i == all.size() || all[i].id != id) {
        db_.damaged(fmt::format("epochs of trial {}, which does not exist", id));
      }
      const int epoch = static_cast<int>(rows.integer(1, 1, std::numeric_limits<int>::max(), "epoch"));
      all[i].curve.push_back({epoch, rows.real(2), rows.real(3), rows.real(4), rows.real(5)});
    }
  }

  mutable std::mutex mutex_;
  Database db_;
  LeaseClock clock_;
};

}  // namespace

LeaseClock LeaseClock::system() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  return {boot,
          [] { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }};
}

std::unique_ptr<TrialStore> open_sqlite_store(const std::filesystem::path& file, bool read_only, LeaseClock clock) {
  return std::make_unique<SqliteStore>(file, read_only, std::move(clock));
}

}  // namespace bnas::nas
