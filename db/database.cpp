#include "db/database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <chrono>
#include <cmath>
#include <thread>
#include <utility>

#include "db/lock_holder.h"
#include "db/read_only_copy.h"

namespace crosslaw::db {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;

// Long enough for a slow disk's commit; with a write-ahead log only writers wait for each other.
constexpr int kBusyTimeoutMs = 30'000;
constexpr int kBackupTries = 300, kBackupPauseMs = 100;
constexpr int kPrimaryCode = 0xff;  // the low byte of SQLite's extended result codes

const char* mend_for(int code) {
  switch (code & kPrimaryCode) {
    case SQLITE_FULL:
      return " (free some space and run the command again; nothing is lost)";
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return " (check the folder's existence and permissions)";
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return " (the file is damaged or no SQLite database; crosslaw run makes it again from the "
             "folders of its runs)";
    default:
      return "";
  }
}

constexpr std::chrono::milliseconds kBetweenTries{50};
constexpr std::chrono::seconds kSilentWait{5}, kSaidAgain{60};

// SQLite's busy handler: 0 gives up. `tries` counts those of one wait.
int wait_for_lock(void* connection, int tries) {
  auto* wait = static_cast<LockPatience*>(connection);
  if (wait->give_up && wait->give_up()) return 0;
  const auto waited = tries * kBetweenTries;
  const bool due = waited == kSilentWait || (waited > kSilentWait && waited % kSaidAgain == 0s);
  if (due && wait->say)
    wait->say(fmt::format("waited for {} s, for another program holds the database",
                          std::chrono::duration_cast<std::chrono::seconds>(waited).count()));
  std::this_thread::sleep_for(kBetweenTries);
  return 1;
}

}  // namespace

void Database::Close::operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }

void Database::open(const char* file, int flags) {
  sqlite3* handle = nullptr;
  // A connection is used by one thread at a time, which needs no lock at each call.
  int code = sqlite3_open_v2(file, &handle, flags | SQLITE_OPEN_NOMUTEX, nullptr);
  // Even a failed open gives a handle: it holds the error and must be closed.
  handle_.reset(handle);
  if (code != SQLITE_OK) fail("opening");
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
}

Database::Database(const fs::path& file, Access access) : name_(file.string()) {
  if (access == Access::kRead && read_unwritable(file)) return;
  int flags = access == Access::kRead ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (access == Access::kCreate) flags |= SQLITE_OPEN_CREATE;
  open(name_.c_str(), flags);
  // Off by default, and a property of the connection, not of the file.
  execute("PRAGMA foreign_keys = ON");
  // In KiB. The 2 MB that are usual hold no table of a large sweep, which is then read page by page
  // over and over.
  execute("PRAGMA cache_size = -24000");
}

// The usual way works where the log's index is there already. Else a database without a log is
// read as what cannot change, and one with a log (its writer was killed) from a copy.
bool Database::read_unwritable(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error) || is_in_writable_folder(file)) return false;
  const auto begin_reading = [&] { Statement(*this, "SELECT count(*) FROM sqlite_master").step(); };
  if (fs::exists(name_ + "-shm", error)) {
    try {
      open(name_.c_str(), SQLITE_OPEN_READONLY);
      begin_reading();
      return true;
    } catch (const DatabaseError&) {
      handle_.reset();  // of another user, perhaps
    }
  }
  const auto log_bytes = fs::file_size(name_ + "-wal", error);
  if (error || log_bytes == 0) {
    open(immutable_uri(file).c_str(), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
  } else {
    const PrivateFolder folder;
    open(copy_database(file, folder).c_str(), SQLITE_OPEN_READWRITE);
    begin_reading();
    execute("PRAGMA query_only = ON");
  }
  return true;
}

void Database::wait_for_locks(LockPatience patience) {
  const auto say = std::move(patience.say);
  // The file's name and who holds it are known here.
  patience.say = [say, name = name_](const std::string& waited) {
    const std::string holder = lock_holder(name);
    if (say)
      say(fmt::format("{}: {} ({})", name, waited,
                      holder.empty() ? "which one is not known" : holder));
  };
  patience_ = std::make_unique<LockPatience>(std::move(patience));
  sqlite3_busy_handler(handle_.get(), wait_for_lock, patience_.get());
}

Database Database::in_memory() {
  Database database(std::string(":memory:"));
  database.open(":memory:", SQLITE_OPEN_READWRITE);
  database.execute("PRAGMA foreign_keys = ON");
  return database;
}

void Database::fail(const std::string& doing) const {
  int code = handle_ ? sqlite3_extended_errcode(handle_.get()) : SQLITE_NOMEM;
  const char* reason = handle_ ? sqlite3_errmsg(handle_.get()) : "out of memory";
  std::string mend = mend_for(code);
  if ((code & kPrimaryCode) == SQLITE_BUSY) {
    const std::string holder = lock_holder(name_);
    mend = fmt::format(" ({} holds the file)", holder.empty() ? "another program" : holder);
  }
  const std::string message = fmt::format("{}: {} failed: {}{}", name_, doing, reason, mend);
  const bool damaged =
      (code & kPrimaryCode) == SQLITE_CORRUPT || (code & kPrimaryCode) == SQLITE_NOTADB;
  if (damaged) throw DatabaseDamaged(message);
  throw DatabaseError(message);
}

void Database::execute(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    fail(fmt::format("\"{:.60}\"", sql));
  }
}

void Database::copy_to(const std::filesystem::path& file) const {
  const Database copy(file, Access::kCreate);
  sqlite3_backup* backup = sqlite3_backup_init(copy.handle_.get(), "main", handle_.get(), "main");
  if (!backup) copy.fail("copying to it");
  // All pages at once: a reader of a write-ahead log keeps nobody from writing, and sees one state.
  int code = sqlite3_backup_step(backup, -1);
  for (int tries = 0; (code == SQLITE_BUSY || code == SQLITE_LOCKED) && tries < kBackupTries;
       ++tries) {
    sqlite3_sleep(kBackupPauseMs);
    code = sqlite3_backup_step(backup, -1);
  }
  sqlite3_backup_finish(backup);
  if (code != SQLITE_DONE) copy.fail("copying to it");
  // The journal mode travels with the pages; a copy that is read from a read-only place must not
  // ask for a log beside it.
  Statement(copy, "PRAGMA journal_mode = DELETE").step();
}

int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(handle_.get()); }
int64_t Database::changes() const { return sqlite3_changes(handle_.get()); }

void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Statement::Statement(const Database& database, std::string_view sql) : database_(database) {
  sqlite3_stmt* statement = nullptr;
  check(sqlite3_prepare_v2(database.handle_.get(), sql.data(), static_cast<int>(sql.size()),
                           &statement, nullptr),
        "preparing");
  statement_.reset(statement);
}

void Statement::check(int code, const char* doing) const {
  if (code != SQLITE_OK) {
    const char* sql = statement_ ? sqlite3_sql(statement_.get()) : "a statement";
    database_.fail(fmt::format("{} \"{:.60}\"", doing, sql));
  }
}

void Statement::reset() { sqlite3_reset(statement_.get()); }

void Statement::bind_one(int at, int64_t value) {
  check(sqlite3_bind_int64(statement_.get(), at + 1, value), "binding");
}

void Statement::bind_one(int at, double value) {
  if (std::isnan(value)) return bind_null(at);
  check(sqlite3_bind_double(statement_.get(), at + 1, value), "binding");
}

void Statement::bind_one(int at, std::string_view value) {
  check(sqlite3_bind_text(statement_.get(), at + 1, value.data(), static_cast<int>(value.size()),
                          // SQLite copies the text, for the caller's may be gone when the statement
                          // runs.
                          SQLITE_TRANSIENT),
        "binding");
}

void Statement::bind_null(int at) { check(sqlite3_bind_null(statement_.get(), at + 1), "binding"); }

bool Statement::step() {
  int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) check(code, "running");
  return false;
}

void Statement::run() {
  // Statements with RETURNING have rows; all must be stepped through before the change is done.
  while (step()) {
  }
  reset();
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}
bool Statement::is_real(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_FLOAT;
}
int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}
double Statement::real(int column) const { return sqlite3_column_double(statement_.get(), column); }

std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
  return text ? std::string(text,
                            static_cast<size_t>(sqlite3_column_bytes(statement_.get(), column)))
              : std::string();
}

Transaction::Transaction(Database& database) : database_(database) {
  // Asks for the write lock at once: a plain BEGIN could fail at its first write, half-way through.
  database_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
  if (!open_) return;
  try {
    database_.execute("ROLLBACK");
  } catch (const DatabaseError&) {
    // SQLite rolls back by itself after errors such as a full disk.
  }
}

void Transaction::commit() {
  database_.execute("COMMIT");
  open_ = false;
}

}  // namespace crosslaw::db
