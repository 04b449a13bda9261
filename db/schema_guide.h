#pragma once

#include <string>
#include <vector>

namespace crosslaw::db {

// What users' own SQL may rely on; a test holds it against the schema that migrate() makes.
struct ColumnGuide {
  const char* name;
  const char* unit;  // empty: none, or a name
  const char* meaning;
};

struct TableGuide {
  std::string name;
  bool view = false;
  std::string row;  // what one row is
  std::vector<ColumnGuide> columns;
};

// Views first, for they are made to be read.
const std::vector<TableGuide>& schema_guide();

}  // namespace crosslaw::db
