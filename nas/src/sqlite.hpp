// SPDX-License-Identifier: Apache-2.0
// The little of SQLite that the trial store needs, with errors as bnas::Error.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bnas::nas::sqlite {

/// One connection. Not thread-safe: its owner locks.
class Database {
 public:
  Database(const std::filesystem::path& file, bool read_only);

  sqlite3* get() const { return handle_.get(); }
  const std::string& file() const { return file_; }
  void execute(const char* sql) const;
  int changes() const { return sqlite3_changes(handle_.get()); }
  /// Throws the Error for a result code of this connection; std::bad_alloc when SQLite had no memory.
  [[noreturn]] void fail(int code) const;
  /// Throws bad_data: the file opened, but what it holds cannot be.
  [[noreturn]] void damaged(const std::string& what) const;

 private:
  struct Close {
    void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
  };
  std::string file_;
  std::unique_ptr<sqlite3, Close> handle_;
};

/// A prepared statement. bind() in the order of the parameters; step() while it returns true; column getters of a row.
class Statement {
 public:
  Statement(const Database& db, std::string_view sql);

  Statement& bind(std::int64_t value);
  Statement& bind(int value) { return bind(static_cast<std::int64_t>(value)); }
  Statement& bind(double value);  ///< NaN becomes NULL
  Statement& bind(const std::optional<double>& value);
  Statement& bind(std::string_view text);
  Statement& bind_blob(std::span<const unsigned char> bytes);

  bool step();
  /// Runs a statement without rows; the number of rows it changed.
  int run();

  bool is_null(int column) const { return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL; }
  std::int64_t integer(int column) const { return sqlite3_column_int64(handle_.get(), column); }
  /// An integer that must lie in [low, high]; `name` for the message.
  std::int64_t integer(int column, std::int64_t low, std::int64_t high, const char* name) const;
  double real(int column) const;  ///< NULL is NaN
  std::string text(int column) const;
  std::span<const unsigned char> blob(int column) const;  ///< valid until the next step()

 private:
  void check_bound(int code) const;

  struct Finalize {
    void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
  };
  const Database& db_;
  std::unique_ptr<sqlite3_stmt, Finalize> handle_;
  int bound_ = 0;
};

/// BEGIN ... COMMIT; rolls back unless commit() succeeded.
class Transaction {
 public:
  enum class Kind { read, write };
  Transaction(const Database& db, Kind kind) : db_(db) {
    db_.execute(kind == Kind::write ? "BEGIN IMMEDIATE" : "BEGIN");
  }
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  const Database& db_;
  bool open_ = true;
};

}  // namespace bnas::nas::sqlite
