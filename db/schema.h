#pragma once

#include "db/database.h"

namespace crosslaw::db {

// Tables: sweep, run, attempt, eval, train_loss, checkpoint, event, fit, evidence. Views for users'
// own SQL:
//   run_results   one row a run: what was planned, its state, its last loss
//   observations  one row a validation loss of a run on its own language
// Both leave out runs that an edited spec retired.

// Brings the file to the newest schema, one transaction a step. Throws DatabaseError for a file of
// a newer crosslaw, which is left as it is.
void migrate(Database& database);

// Whether the file is of an earlier crosslaw. Throws DatabaseError when it is of a newer one, or of
// none.
bool has_older_schema(const Database& database);

// Why the tables cannot be trusted: they are not those of the file's version. Empty: they are, or
// the file is new, a newer crosslaw's, or none of ours.
std::string schema_damage(const Database& database);

}  // namespace crosslaw::db
