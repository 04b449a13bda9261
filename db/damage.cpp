#include "db/damage.h"

#include <fmt/format.h>

#include "db/evidence.h"
#include "db/files/content_hash.h"
#include "db/files/outcome.h"
#include "db/files/run_folders.h"
#include "db/schema.h"

namespace crosslaw::db {
namespace fs = std::filesystem;
namespace {

// Rows that say nothing sensible any more.
std::string damaged_rows(const Database& database) {
  Statement runs(database, "SELECT key, recipe, name FROM run");
  while (runs.step()) {
    if (!is_run_key(runs.text(0)) || sha256(runs.text(1)) != runs.text(0))
      return fmt::format("the recipe of run {} is not that of its key", runs.text(2));
  }
  Statement outcomes(database, "SELECT DISTINCT outcome FROM attempt WHERE outcome IS NOT NULL");
  while (outcomes.step()) {
    if (!outcome_named(outcomes.text(0)))
      return fmt::format("there is no outcome \"{}\"", outcomes.text(0));
  }
  return "";
}

// Losses and outcomes that are not those which were written. A run whose attempt is open is looked
// at when that has ended.
std::string damaged_evidence(const Database& database) {
  const std::map<int64_t, std::string> found = evidence_hashes(database);
  Statement rows(
      database,
      "SELECT run_id, sha256, name FROM evidence JOIN run ON run.id = run_id WHERE NOT "
      "EXISTS(SELECT 1 FROM attempt WHERE attempt.run_id = run.id AND ended_ms IS NULL)");
  while (rows.step()) {
    const auto run = found.find(rows.integer(0));
    if (run == found.end() || run->second != rows.text(1))
      return fmt::format("the losses or outcomes of run {} are not those that were stored",
                         rows.text(2));
  }
  return "";
}

std::string lost_integrity(const Database& database) {
  Statement check(database, "PRAGMA integrity_check(1)");
  check.step();
  if (check.text(0) != "ok") return check.text(0);
  Statement orphans(database, "PRAGMA foreign_key_check");
  return orphans.step() ? fmt::format("rows of {} belong to nothing", orphans.text(0)) : "";
}

}  // namespace

std::string database_damage(const fs::path& file, const LockPatience& patience) {
  if (!fs::exists(file)) return "";
  try {
    // Killed while it made the file: what the journal holds is taken back, which reading cannot.
    const bool interrupted = fs::exists(file.string() + "-journal");
    Database database(file, interrupted ? Access::kWrite : Access::kRead);
    if (patience.say) database.wait_for_locks(patience);
    // A file of no bytes is a database without tables.
    const std::string schema = schema_damage(database);
    if (!schema.empty()) return schema;
    if (Statement(database, "SELECT 1 FROM sqlite_master WHERE name = 'evidence'").step()) {
      for (const auto& look : {lost_integrity, damaged_rows, damaged_evidence}) {
        if (std::string damage = look(database); !damage.empty()) return damage;
      }
      return "";
    }
    return lost_integrity(database);
  } catch (const DatabaseDamaged& error) {
    return error.what();
  }
}

fs::path put_aside(const fs::path& file) {
  fs::path aside;
  for (int n = 1; aside.empty() || fs::exists(aside); ++n)
    aside = fmt::format("{}.damaged-{}", file.string(), n);
  fs::rename(file, aside);
  // Log and journal belong to it; the index is made again.
  std::error_code ignored;
  fs::rename(file.string() + "-wal", aside.string() + "-wal", ignored);
  fs::rename(file.string() + "-journal", aside.string() + "-journal", ignored);
  fs::remove(file.string() + "-shm", ignored);
  return aside;
}

}  // namespace crosslaw::db
