// Databases in folders where nothing may be written, and databases that others hold.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "db/database.h"
#include "db/lock_holder.h"
#include "db/read_only_copy.h"
#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::db {
namespace {

namespace fs = std::filesystem;
using tests::TempFolder;

// Does it as somebody whom permissions bind; root becomes nobody. 0: it went well.
int as_somebody(const std::function<bool()>& action) {
  const pid_t child = fork();
  if (child == 0) {
    constexpr uid_t kNobody = 65534;
    // The group first: afterwards there is no right to change it.
    if (getuid() == 0 && (setgid(kNobody) != 0 || setuid(kNobody) != 0)) _exit(9);
    bool good = false;
    try {
      good = action();
    } catch (const std::exception& error) {
      (void)!write(STDERR_FILENO, error.what(), std::string(error.what()).size());
    }
    _exit(good ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int64_t sum_in(const fs::path& file) {
  const Database database(file, Access::kRead);
  Statement row(database, "SELECT sum(a) FROM t");
  row.step();
  return row.integer(0);
}

void take_rights_away(const TempFolder& folder) {
  for (const auto& entry : fs::directory_iterator(folder.path()))
    fs::permissions(entry, fs::perms::owner_read | fs::perms::group_read | fs::perms::others_read);
  fs::permissions(folder.path(), fs::perms::owner_read | fs::perms::owner_exec |
                                     fs::perms::others_read | fs::perms::others_exec);
}

void give_rights_back(const TempFolder& folder) {
  fs::permissions(folder.path(), fs::perms::owner_all);
}

// The file with one row of 42 in its tables; a log with another 58 where its writer was killed.
fs::path make_database(const TempFolder& folder, bool killed) {
  const fs::path file = folder / "a%20?#.db";
  const pid_t writer = fork();
  if (writer == 0) {
    {
      Database database(file, Access::kCreate);
      database.execute("PRAGMA journal_mode = WAL; CREATE TABLE t(a); INSERT INTO t VALUES(42)");
    }
    if (killed) {
      Database database(file, Access::kWrite);
      database.execute("INSERT INTO t VALUES(58)");
      raise(SIGKILL);
    }
    _exit(0);
  }
  waitpid(writer, nullptr, 0);
  return file;
}

}  // namespace

TEST_CASE("a database is read where nothing can be written, with and without a log") {
  for (const bool killed : {false, true}) {
    for (const bool with_index : {false, true}) {
      const TempFolder folder;
      const fs::path file = make_database(folder, killed);
      CHECK(fs::exists(file.string() + "-wal") == killed);
      if (!with_index) fs::remove(file.string() + "-shm");
      take_rights_away(folder);
      INFO("killed " << killed << ", with index " << with_index);
      CHECK(as_somebody([&] {
              return !is_in_writable_folder(file) && sum_in(file) == (killed ? 100 : 42);
            }) == 0);
      give_rights_back(folder);
      // Nothing was made beside it.
      CHECK(fs::exists(file.string() + "-shm") == (killed && with_index));
    }
  }
}

TEST_CASE("what is read so cannot be written") {
  const TempFolder folder;
  const fs::path file = make_database(folder, true);
  fs::remove(file.string() + "-shm");
  take_rights_away(folder);
  CHECK(as_somebody([&] {
          Database database(file, Access::kRead);
          return tests::message_of([&] {
                   database.execute("INSERT INTO t VALUES(1)");
                 }).find("readonly") != std::string::npos;
        }) == 0);
  give_rights_back(folder);
}

TEST_CASE("who holds a database is named, and its end ends the waiting") {
  const TempFolder folder;
  const fs::path file = make_database(folder, false);
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t holder = fork();
  if (holder == 0) {
    Database database(file, Access::kWrite);
    database.execute("BEGIN IMMEDIATE; INSERT INTO t VALUES(1)");
    (void)!write(ready[1], "x", 1);
    usleep(300'000);
    raise(SIGKILL);
  }
  char byte = 0;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  CHECK_THAT(lock_holder(file), has_text("process " + std::to_string(holder) + " ("));
  Database database(file, Access::kWrite);
  int asked = 0;
  database.wait_for_locks({[](const std::string&) {}, [&] { return ++asked > 2; }});
  CHECK_THAT(tests::message_of([&] { database.execute("INSERT INTO t VALUES(2)"); }),
             has_text("database is locked") && has_text("process " + std::to_string(holder)));
  database.wait_for_locks({[](const std::string&) {}, [] { return false; }});
  CHECK_NOTHROW(database.execute("INSERT INTO t VALUES(2)"));
  waitpid(holder, nullptr, 0);
  CHECK(sum_in(file) == 44);
  CHECK(lock_holder(file).empty());
}

}  // namespace crosslaw::db
