#include "db/schema_guide.h"

#include <map>
#include <set>

#include "db/database.h"
#include "db/schema.h"
#include "tests/support/catch.h"

namespace crosslaw::db {
namespace {

using Columns = std::map<std::string, std::set<std::string>>;  // by "table name" or "view name"

Columns columns_of_the_schema() {
  Database database = Database::in_memory();
  migrate(database);
  Columns out;
  Statement rows(database,
                 "SELECT m.type, m.name, c.name FROM sqlite_master AS m JOIN "
                 "pragma_table_info(m.name) AS c WHERE m.type IN ('table', 'view') AND m.name NOT "
                 "LIKE 'sqlite_%'");
  while (rows.step()) out[rows.text(0) + " " + rows.text(1)].insert(rows.text(2));
  return out;
}

}  // namespace

TEST_CASE("the guide names every table, view and column of the schema and no other") {
  Columns guide;
  for (const TableGuide& table : schema_guide()) {
    std::set<std::string>& columns = guide[(table.view ? "view " : "table ") + table.name];
    for (const ColumnGuide& column : table.columns) {
      INFO(table.name << "." << column.name);
      CHECK(columns.insert(column.name).second);
    }
    CHECK_FALSE(table.row.empty());
  }
  CHECK(guide == columns_of_the_schema());
}

}  // namespace crosslaw::db
