#include "db/database.h"

#include <cmath>

#include "tests/support/catch.h"
#include "tests/support/temp_folder.h"

namespace crosslaw::db {

TEST_CASE("values come back as they were bound, NaN and nothing as NULL") {
  Database database = Database::in_memory();
  database.execute("CREATE TABLE t(a, b, c, d, e)");
  Statement(database, "INSERT INTO t VALUES(?, ?, ?, ?, ?)")
      .bind(int64_t{1} << 60, 1.0 / 3.0, "dé\"jà", std::nan(""), std::optional<double>())
      .run();
  Statement row(database, "SELECT a, b, c, d, e FROM t");
  REQUIRE(row.step());
  int64_t large = 0;
  double third = 0;
  std::string text;
  std::optional<double> was_nan = 1.0, was_nothing = 1.0;
  row.read(large, third, text, was_nan, was_nothing);
  CHECK(large == int64_t{1} << 60);
  CHECK(third == 1.0 / 3.0);
  CHECK(text == "dé\"jà");
  CHECK_FALSE(was_nan.has_value());
  CHECK_FALSE(was_nothing.has_value());
  CHECK_FALSE(row.step());
}

TEST_CASE("a transaction that is not committed leaves nothing") {
  Database database = Database::in_memory();
  database.execute("CREATE TABLE t(a)");
  {
    Transaction transaction(database);
    database.execute("INSERT INTO t VALUES(1)");
  }
  {
    Transaction transaction(database);
    database.execute("INSERT INTO t VALUES(2)");
    transaction.commit();
  }
  Statement sum(database, "SELECT sum(a) FROM t");
  sum.step();
  CHECK(sum.integer(0) == 2);
}

TEST_CASE("errors name the file, the statement and a mend") {
  tests::TempFolder folder;
  auto open = [](const std::filesystem::path& file) {
    return tests::message_of(
        [&] { Database(file, Access::kRead).execute("SELECT * FROM sqlite_master"); });
  };
  CHECK_THAT(open(folder / "none.db"),
             has_text("none.db") && has_text("check the folder's existence"));
  CHECK_THAT(open(folder.write("text.db", std::string(4096, 'x'))),
             has_text("text.db") && has_text("no SQLite database"));
  Database database = Database::in_memory();
  CHECK_THAT(tests::message_of([&] { database.execute("SELEC 1"); }), has_text("SELEC 1"));
}

}  // namespace crosslaw::db
