// SPDX-License-Identifier: Apache-2.0
// One connection, one mutex, one transaction per call. Durability and atomicity are SQLite's (WAL, synchronous=FULL);
// this file only decides what belongs into one transaction.
#include "bnas/nas/trial_store.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <limits>
#include <mutex>

#include "bnas/core/error.hpp"
#include "bnas/nas/search_space.hpp"
#include "sqlite.hpp"

namespace bnas::nas {
namespace {

using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;

constexpr std::int64_t kApplicationId = 0x626e6173;  // "bnas"
constexpr std::int64_t kSchemaVersion = 1;
constexpr std::int64_t kMaxInt = std::numeric_limits<int>::max();
constexpr std::int64_t kMaxInt64 = std::numeric_limits<std::int64_t>::max();

// Times of day are for people only. `fence` counts claims; `failures` the attempts that threw.
constexpr const char* kTables[] = {
    "CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT",
    "CREATE TABLE strategy (id INTEGER PRIMARY KEY CHECK (id = 1), state TEXT NOT NULL, batches_told INTEGER NOT NULL) "
    "STRICT",
    "CREATE TABLE trials (id INTEGER PRIMARY KEY, batch INTEGER NOT NULL, level INTEGER NOT NULL, rank INTEGER NOT "
    "NULL, genotype BLOB NOT NULL, text TEXT NOT NULL, budget_epochs INTEGER NOT NULL, budget_images INTEGER NOT NULL, "
    "predicted REAL, status TEXT NOT NULL, failures INTEGER NOT NULL, fence INTEGER NOT NULL, worker TEXT NOT NULL, "
    "lease_boot TEXT NOT NULL, lease_until REAL NOT NULL, reward REAL NOT NULL, best_epoch INTEGER NOT NULL, "
    "binary_weights INTEGER NOT NULL, real_weights INTEGER NOT NULL, binary_macs INTEGER NOT NULL, real_macs INTEGER "
    "NOT NULL, seconds REAL NOT NULL, message TEXT NOT NULL, queued_at TEXT, started_at TEXT, ended_at TEXT) STRICT",
    "CREATE TABLE epochs (trial INTEGER NOT NULL REFERENCES trials (id), epoch INTEGER NOT NULL, train_loss REAL, "
    "train_accuracy REAL, valid_accuracy REAL, learning_rate REAL, PRIMARY KEY (trial, epoch)) STRICT, WITHOUT ROWID",
};

constexpr const char* kTrialColumns =
    "id, batch, level, rank, genotype, text, budget_epochs, budget_images, predicted, status, failures, reward, "
    "best_epoch, binary_weights, real_weights, binary_macs, real_macs, seconds, message, fence";

constexpr const char* kNow = "strftime('%Y-%m-%dT%H:%M:%SZ', 'now')";

// A block is 4 bytes: in0, op0, in1, op1.
std::vector<unsigned char> pack(const Genotype& genotype) {
  std::vector<unsigned char> bytes;
  for (const Block& b : genotype.blocks) {
    bytes.insert(bytes.end(), {static_cast<unsigned char>(b.in0), b.op0, static_cast<unsigned char>(b.in1), b.op1});
  }
  return bytes;
}

Genotype unpack(const Database& db, std::span<const unsigned char> bytes) {
  if (bytes.empty() || bytes.size() % 4 != 0 || bytes.size() / 4 > kMaxBlocks) {
    db.damaged(fmt::format("a genotype of {} bytes", bytes.size()));
  }
  Genotype genotype;
  for (std::size_t i = 0; i < bytes.size(); i += 4) {
    genotype.blocks.push_back(
        {static_cast<std::int8_t>(bytes[i]), bytes[i + 1], static_cast<std::int8_t>(bytes[i + 2]), bytes[i + 3]});
  }
  return genotype;
}

TrialStatus parse_status(const Database& db, const std::string& name) {
  for (const TrialStatus s :
       {TrialStatus::queued, TrialStatus::running, TrialStatus::done, TrialStatus::diverged, TrialStatus::failed}) {
    if (name == trial_status_name(s)) {
      return s;
    }
  }
  db.damaged(fmt::format("trial status '{}'", name.substr(0, 32)));
}

Trial read_trial(const Database& db, const Statement& row) {
  Trial t;
  t.id = row.integer(0, 1, kMaxInt64, "trial id");
  t.batch = static_cast<int>(row.integer(1, 1, kMaxInt, "batch"));
  t.level = static_cast<int>(row.integer(2, 1, kMaxBlocks, "level"));
  t.rank = static_cast<int>(row.integer(3, 1, kMaxInt, "rank"));
  t.genotype = unpack(db, row.blob(4));
  t.text = row.text(5);
  t.budget.epochs = static_cast<int>(row.integer(6, 0, kMaxInt, "epochs"));
  t.budget.max_images = row.integer(7, 0, kMaxInt64, "images");
  if (!row.is_null(8)) {
    t.predicted = row.real(8);
  }
  t.status = parse_status(db, row.text(9));
  const bool counts = t.status != TrialStatus::queued;
  t.attempts = static_cast<int>(row.integer(10, 0, kMaxInt - 1, "failures")) + (counts ? 1 : 0);
  t.reward = row.real(11);
  t.best_epoch = static_cast<int>(row.integer(12, 0, kMaxInt, "best epoch"));
  t.cost.binary_weights = row.integer(13, 0, kMaxInt64, "binary weights");
  t.cost.real_weights = row.integer(14, 0, kMaxInt64, "real weights");
  t.cost.binary_macs = row.integer(15, 0, kMaxInt64, "binary multiply-adds");
  t.cost.real_macs = row.integer(16, 0, kMaxInt64, "real multiply-adds");
  t.seconds = row.real(17);
  t.message = row.text(18);
  return t;
}

class SqliteStore final : public TrialStore {
 public:
  SqliteStore(const std::filesystem::path& file, bool read_only, LeaseClock clock)
      : db_(file, read_only), clock_(std::move(clock)) {
    const bool fresh = identify();
    if (fresh && read_only) {
      db_.damaged("it is empty");
    }
    if (!read_only) {
      use_wal();
    }
    db_.execute("PRAGMA foreign_keys = ON");
    if (fresh) {
      create();
    } else {
      verify();
    }
  }

  void enqueue(const std::vector<Trial>& batch, const std::string& strategy_state) override {
    const std::lock_guard lock(mutex_);
    Transaction transaction(db_, Transaction::Kind::write);
    const std::int64_t stored = scalar("SELECT coalesce(max(id), 0) FROM trials");
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
      insert.bind(t.id).bind(told + 1).bind(t.level).bind(t.rank).bind_blob(pack(t.genotype)).bind(t.text);
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
                                        kNow, kTrialColumns));
      update.bind(worker).bind(clock_.boot).bind(clock_.now() + lease_seconds);
      if (update.step()) {
        claimed = Claim{read_trial(db_, update), update.integer(19)};
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
    Statement rows(db_, fmt::format("SELECT {} FROM trials ORDER BY id", kTrialColumns));
    while (rows.step()) {
      all.push_back(read_trial(db_, rows));
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
  /// True for an empty database; throws for one that is not ours, before anything is written to it.
  bool identify() const {
    const std::int64_t application = scalar("PRAGMA application_id");
    if (application == 0 && scalar("SELECT count(*) FROM sqlite_master") == 0) {
      return true;
    }
    if (application != kApplicationId) {
      db_.damaged("it is a database of another program");
    }
    const std::int64_t version = scalar("PRAGMA user_version");
    if (version != kSchemaVersion) {
      db_.damaged(fmt::format("schema version {}, this program knows {}; use the program that wrote it", version,
                              kSchemaVersion));
    }
    return false;
  }

  void use_wal() const {
    Statement mode(db_, "PRAGMA journal_mode = WAL");
    if (!mode.step() || mode.text(0) != "wal") {
      throw Error(ErrorKind::io,
                  fmt::format("{}: this file system cannot hold a write-ahead log. Put the run directory "
                              "on a local disk.",
                              db_.file()));
    }
    db_.execute("PRAGMA synchronous = FULL");
  }

  void create() const {
    Transaction transaction(db_, Transaction::Kind::write);
    if (scalar("SELECT count(*) FROM sqlite_master") == 0) {  // else another process was first
      for (const char* table : kTables) {
        db_.execute(table);
      }
      db_.execute(fmt::format("PRAGMA application_id = {}", kApplicationId).c_str());
      db_.execute(fmt::format("PRAGMA user_version = {}", kSchemaVersion).c_str());
    }
    transaction.commit();
  }

  void verify() const {
    Statement check(db_, "PRAGMA quick_check(1)");
    if (!check.step() || check.text(0) != "ok") {
      db_.damaged(check.text(0));
    }
    std::size_t matching = 0;
    std::size_t found = 0;
    Statement rows(db_, "SELECT sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_autoindex_%'");
    while (rows.step()) {
      const std::string sql = rows.text(0);
      ++found;
      for (const char* table : kTables) {
        matching += sql == table ? 1 : 0;
      }
    }
    if (found != std::size(kTables) || matching != found) {
      db_.damaged("its tables are not those of a trial store");
    }
  }

  std::int64_t scalar(const char* sql) const {
    Statement row(db_, sql);
    return row.step() ? row.integer(0) : 0;
  }

  int told_unlocked() const {
    Statement row(db_, "SELECT batches_told FROM strategy");
    return row.step() ? static_cast<int>(row.integer(0, 0, kMaxInt - 1, "batches told")) : 0;
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
      const int epoch = static_cast<int>(rows.integer(1, 1, kMaxInt, "epoch"));
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
