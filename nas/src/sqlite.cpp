// SPDX-License-Identifier: Apache-2.0
#include "sqlite.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <new>

#include "bnas/core/error.hpp"

namespace bnas::nas::sqlite {
namespace {

constexpr int kBusyMilliseconds = 10'000;
constexpr int kMaxValueBytes = 64 << 20;  // of one text or blob: bounds what a forged file can make us allocate

}  // namespace

Database::Database(const std::filesystem::path& file, bool read_only) : file_(file.string()) {
  const int flags = (read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE) |
                    SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(file_.c_str(), &handle, flags, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) {
    fail(code);
  }
  sqlite3_busy_timeout(handle, kBusyMilliseconds);
  sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, kMaxValueBytes);
  // Nothing that the file brings along may run.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  execute("PRAGMA cell_size_check = ON");
}

void Database::execute(const char* sql) const {
  const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) {
    fail(code);
  }
}

void Database::fail(int code) const {
  const std::string reason = handle_ ? sqlite3_errmsg(handle_.get()) : sqlite3_errstr(code);
  const int os_error = handle_ ? sqlite3_system_errno(handle_.get()) : 0;
  switch (code & 0xFF) {
    case SQLITE_NOMEM:
      throw std::bad_alloc();
    case SQLITE_FULL:
      throw Error(ErrorKind::io, fmt::format("{}: disk full. Everything stored so far is safe; free some space and "
                                             "resume the run.",
                                             file_));
    case SQLITE_IOERR:
      throw Error(ErrorKind::io,
                  fmt::format("{}: disk full or failing: {}{}{}. Everything stored so far is safe; mend the disk and "
                              "resume the run.",
                              file_, reason, os_error != 0 ? ": " : "", os_error != 0 ? std::strerror(os_error) : ""));
    case SQLITE_READONLY:
    case SQLITE_PERM:
      throw Error(ErrorKind::io,
                  fmt::format("{}: cannot be written: {}. Check permissions and mount options.", file_, reason));
    case SQLITE_CANTOPEN:
      throw Error(std::filesystem::exists(file_) ? ErrorKind::io : ErrorKind::missing,
                  fmt::format("{}: cannot be opened: {}. Check the path and its permissions.", file_, reason));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      throw Error(ErrorKind::locked, fmt::format("{}: another process has been writing to it for {} s. Wait for it or "
                                                 "stop it.",
                                                 file_, kBusyMilliseconds / 1000));
    case SQLITE_NOTADB:
      damaged("it is no SQLite database");
    case SQLITE_CORRUPT:
    case SQLITE_TOOBIG:
    case SQLITE_SCHEMA:
    case SQLITE_MISMATCH:
      damaged(reason);
    default:
      throw Error(ErrorKind::internal, fmt::format("{}: SQLite error {}: {}", file_, code, reason));
  }
}

void Database::damaged(const std::string& what) const {
  throw Error(ErrorKind::bad_data, fmt::format("{}: no usable trial store: {}. Restore the run directory from a copy, "
                                               "or start a new run.",
                                               file_, what));
}

Statement::Statement(const Database& db, std::string_view sql) : db_(db) {
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v2(db.get(), sql.data(), static_cast<int>(sql.size()), &handle, nullptr);
  handle_.reset(handle);
  if (code != SQLITE_OK) {
    db_.fail(code);
  }
}

void Statement::check_bound(int code) const {
  if (code != SQLITE_OK) {
    db_.fail(code);
  }
}

Statement& Statement::bind(std::int64_t value) {
  check_bound(sqlite3_bind_int64(handle_.get(), ++bound_, value));
  return *this;
}

Statement& Statement::bind(double value) {
  check_bound(sqlite3_bind_double(handle_.get(), ++bound_, value));
  return *this;
}

Statement& Statement::bind(const std::optional<double>& value) {
  return bind(value.value_or(std::numeric_limits<double>::quiet_NaN()));
}

Statement& Statement::bind(std::string_view text) {
  check_bound(sqlite3_bind_text64(handle_.get(), ++bound_, text.data() != nullptr ? text.data() : "", text.size(),
                                  SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind_blob(std::span<const unsigned char> bytes) {
  check_bound(sqlite3_bind_blob64(handle_.get(), ++bound_,
                                  bytes.empty() ? reinterpret_cast<const unsigned char*>("") : bytes.data(),
                                  bytes.size(), SQLITE_TRANSIENT));
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) {
    return true;
  }
  if (code != SQLITE_DONE) {
    db_.fail(code);
  }
  return false;
}

int Statement::run() {
  while (step()) {
  }
  return db_.changes();
}

std::int64_t Statement::integer(int column, std::int64_t low, std::int64_t high, const char* name) const {
  const std::int64_t value = integer(column);
  if (value < low || value > high) {
    db_.damaged(fmt::format("{} {} is not in {}..{}", name, value, low, high));
  }
  return value;
}

double Statement::real(int column) const {
  return is_null(column) ? std::numeric_limits<double>::quiet_NaN() : sqlite3_column_double(handle_.get(), column);
}

std::string Statement::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(handle_.get(), column));
  return data == nullptr ? std::string() : std::string(data, sqlite3_column_bytes(handle_.get(), column));
}

std::span<const unsigned char> Statement::blob(int column) const {
  const auto* data = static_cast<const unsigned char*>(sqlite3_column_blob(handle_.get(), column));
  return {data, data == nullptr ? 0 : static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

Transaction::~Transaction() {
  if (open_ && sqlite3_get_autocommit(db_.get()) == 0) {
    sqlite3_exec(db_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
}

void Transaction::commit() {
  db_.execute("COMMIT");
  open_ = false;
}

}  // namespace bnas::nas::sqlite
