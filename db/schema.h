#pragma once

#include "db/database.h"

namespace crosslaw::db {

// What the tables and views hold: db/schema_guide.cpp. Views leave out runs that an edited spec
// retired.

// Brings the file to the newest schema, in one transaction. Throws DatabaseError for a file of a
// newer crosslaw, which is left as it is.
void migrate(Database& database);

// Whether the file is of an earlier crosslaw. Throws DatabaseError when it is of a newer one, or of
// none.
bool has_older_schema(const Database& database);

// Why the tables cannot be trusted: they are not those of the file's version. Empty: they are, or
// the file is new, a newer crosslaw's, or none of ours.
std::string schema_damage(const Database& database);

}  // namespace crosslaw::db
