#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "db/database.h"

namespace crosslaw::db {

// The hash of what a run's losses rest on: its key, its attempts with their outcomes, every
// validation loss, and every score of a multiple-choice set. SQLite notices a bit lost in a table's
// structure, not one in a number. By run; `only` one run, or all that have an attempt.
std::map<int64_t, std::string> evidence_hashes(const Database& database,
                                               std::optional<int64_t> only = std::nullopt);

// Stores the hashes anew, of one run or of all that have none yet.
void seal_evidence(const Database& database, std::optional<int64_t> only = std::nullopt);

}  // namespace crosslaw::db
