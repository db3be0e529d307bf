// SPDX-License-Identifier: Apache-2.0
#include "store_schema.hpp"

#include <fmt/format.h>

#include <limits>

#include "bnas/core/error.hpp"
#include "bnas/nas/search_space.hpp"

namespace bnas::nas::sqlite {
namespace {

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

Genotype unpack(const Database& db, std::span<const unsigned char> bytes) {
  if (bytes.size() % 4 != 0 || bytes.size() / 4 > kMaxBlocks) {
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

/// True for an empty database; throws for one that is not ours, before anything is written to it.
bool identify(const Database& db) {
  const std::int64_t application = scalar(db, "PRAGMA application_id");
  if (application == 0 && scalar(db, "SELECT count(*) FROM sqlite_master") == 0) {
    return true;
  }
  if (application != kApplicationId) {
    db.damaged("it is a database of another program");
  }
  const std::int64_t version = scalar(db, "PRAGMA user_version");
  if (version != kSchemaVersion) {
    db.damaged(fmt::format("schema version {}, this program knows {}; use the program that wrote it", version,
                           kSchemaVersion));
  }
  return false;
}

void use_wal(const Database& db) {
  Statement mode(db, "PRAGMA journal_mode = WAL");
  if (!mode.step() || mode.text(0) != "wal") {
    throw Error(ErrorKind::io, fmt::format("{}: this file system cannot hold a write-ahead log. Put the run directory "
                                           "on a local disk.",
                                           db.file()));
  }
  db.execute("PRAGMA synchronous = FULL");
}

void create(const Database& db) {
  Transaction transaction(db, Transaction::Kind::write);
  if (scalar(db, "SELECT count(*) FROM sqlite_master") == 0) {  // else another process was first
    for (const char* table : kTables) {
      db.execute(table);
    }
    db.execute(fmt::format("PRAGMA application_id = {}", kApplicationId).c_str());
    db.execute(fmt::format("PRAGMA user_version = {}", kSchemaVersion).c_str());
  }
  transaction.commit();
}

void verify(const Database& db) {
  Statement check(db, "PRAGMA quick_check(1)");
  if (!check.step() || check.text(0) != "ok") {
    db.damaged(check.text(0));
  }
  std::size_t matching = 0;
  std::size_t found = 0;
  Statement rows(db, "SELECT sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_autoindex_%'");
  while (rows.step()) {
    const std::string sql = rows.text(0);
    ++found;
    for (const char* table : kTables) {
      matching += sql == table ? 1 : 0;
    }
  }
  if (found != std::size(kTables) || matching != found) {
    db.damaged("its tables are not those of a trial store");
  }
}

}  // namespace

void open_schema(const Database& db, bool read_only) {
  const bool fresh = identify(db);
  if (fresh && read_only) {
    db.damaged("it is empty");
  }
  if (!fresh) {
    verify(db);
  }
  if (!read_only) {
    use_wal(db);
  }
  db.execute("PRAGMA foreign_keys = ON");
  if (fresh) {
    create(db);
  }
}

std::int64_t scalar(const Database& db, std::string_view sql) {
  Statement row(db, sql);
  return row.step() ? row.integer(0) : 0;
}

// A block is 4 bytes: in0, op0, in1, op1.
std::vector<unsigned char> pack(const Genotype& genotype) {
  std::vector<unsigned char> bytes;
  for (const Block& b : genotype.blocks) {
    bytes.insert(bytes.end(), {static_cast<unsigned char>(b.in0), b.op0, static_cast<unsigned char>(b.in1), b.op1});
  }
  return bytes;
}

Trial read_trial(const Database& db, const Statement& row) {
  Trial t;
  t.id = row.integer(0, 1, kMaxInt64, "trial id");
  t.batch = static_cast<int>(row.integer(1, 1, kMaxInt, "batch"));
  t.level = static_cast<int>(row.integer(2, 1, kMaxBlocks, "level"));
  t.rank = static_cast<int>(row.integer(3, 1, kMaxInt, "rank"));
  t.genotype = unpack(db, row.blob(4));
  t.text = row.text(5);
  if (t.genotype.blocks.empty() && !t.text.starts_with("normal[")) {
    db.damaged("a trial without a genotype");
  }
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

}  // namespace bnas::nas::sqlite
