#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace crosslaw::db {

// The message holds the file, SQLite's reason and, where it helps, the mend.
struct DatabaseError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The file is no SQLite database, or one that lost bits.
struct DatabaseDamaged : DatabaseError {
  using DatabaseError::DatabaseError;
};

enum class Access { kRead, kWrite, kCreate };

// What is done while another program holds the file.
struct LockPatience {
  // Hears after a few seconds who holds it, and again each minute.
  std::function<void(const std::string&)> say;
  // Asked a few times a second; true ends the wait, and the statement fails.
  std::function<bool()> give_up;
};

// One SQLite connection: write-ahead log, foreign keys on, 30 s patience with locks unless told
// otherwise. kRead needs no right to write: neither to the file nor to its folder.
class Database {
 public:
  Database(const std::filesystem::path& file, Access access);
  static Database in_memory();

  void wait_for_locks(LockPatience patience);

  // Runs one or several statements that return nothing.
  void execute(const std::string& sql);
  int64_t last_insert_id() const;
  int64_t changes() const;
  // A consistent copy as of one instant, while others read and write (SQLite's online backup). The
  // file must not be there yet; it needs no other file beside it.
  void copy_to(const std::filesystem::path& file) const;
  const std::string& name() const { return name_; }

 private:
  friend class Statement;
  explicit Database(std::string name) : name_(std::move(name)) {}
  void open(const char* file, int flags);
  bool read_unwritable(const std::filesystem::path& file);
  [[noreturn]] void fail(const std::string& doing) const;

  struct Close {
    void operator()(sqlite3* handle) const;
  };
  std::string name_;
  std::unique_ptr<LockPatience> patience_;  // where SQLite finds it, wherever this object moves
  std::unique_ptr<sqlite3, Close> handle_;
};

// A prepared statement. Parameters and columns count from 0.
//   Statement rows(database, "SELECT id, name FROM run WHERE seed = ?");
//   rows.bind(seed);
//   while (rows.step()) use(rows.integer(0), rows.text(1));
class Statement {
 public:
  Statement(const Database& database, std::string_view sql);

  // Binds all parameters in order. std::nullopt and NaN become NULL.
  template <typename... Values>
  Statement& bind(const Values&... values) {
    reset();
    return bind_at(0, values...);
  }
  // Binds those from `at` on of a statement that has not begun; the others keep their values.
  template <typename... Values>
  Statement& bind_at(int at, const Values&... values) {
    (bind_one(at++, values), ...);
    return *this;
  }
  bool step();  // true: a row is there
  void run();   // for statements without rows; ready to be bound again afterwards

  // Reads the row's columns in the order of the SELECT, as bind() takes the parameters.
  template <typename... Values>
  void read(Values&... values) const {
    int at = 0;
    (read_one(at++, values), ...);
  }

  bool is_null(int column) const;
  bool is_real(int column) const;
  int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;

 private:
  void reset();
  void bind_one(int at, int64_t value);
  void bind_one(int at, int value) { bind_one(at, static_cast<int64_t>(value)); }
  void bind_one(int at, bool value) { bind_one(at, static_cast<int64_t>(value)); }
  void bind_one(int at, double value);
  void bind_one(int at, std::string_view value);
  void bind_one(int at, const std::string& value) { bind_one(at, std::string_view(value)); }
  void bind_one(int at, const char* value) { bind_one(at, std::string_view(value)); }
  void bind_null(int at);
  template <typename T>
  void bind_one(int at, const std::optional<T>& value) {
    value ? bind_one(at, *value) : bind_null(at);
  }
  void read_one(int at, int64_t& value) const { value = integer(at); }
  void read_one(int at, bool& value) const { value = integer(at) != 0; }
  void read_one(int at, double& value) const { value = real(at); }
  void read_one(int at, std::string& value) const { value = text(at); }
  template <typename T>
  void read_one(int at, std::optional<T>& value) const {
    value.reset();
    if (!is_null(at)) read_one(at, value.emplace());
  }
  void check(int code, const char* doing) const;

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  const Database& database_;
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

// BEGIN IMMEDIATE at construction; rolled back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  void commit();

 private:
  Database& database_;
  bool open_ = true;
};

}  // namespace crosslaw::db
