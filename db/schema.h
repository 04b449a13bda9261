#pragma once

#include "db/database.h"

namespace crosslaw::db {

// Tables: sweep, run, attempt, eval, train_loss, checkpoint, event, fit. Views for users' own SQL:
//   run_results   one row a run: what was planned, its state, its last loss
//   observations  one row a validation loss of a run on its own language
// Both leave out runs that an edited spec retired.

// Brings the file to the newest schema, one transaction a step. Throws DatabaseError for a file of
// a newer crosslaw, which is left as it is.
void migrate(Database& database);

// Throws DatabaseError unless the file has exactly the newest schema.
void require_newest_schema(const Database& database);

}  // namespace crosslaw::db
