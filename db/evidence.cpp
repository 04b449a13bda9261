#include "db/evidence.h"

#include <string_view>

#include "db/files/content_hash.h"

namespace crosslaw::db {
namespace {

// Lengths before values, so that no two lists of them give the same bytes.
void append(std::string& bytes, const void* value, std::size_t length) {
  const auto size = static_cast<uint32_t>(length);
  bytes.append(reinterpret_cast<const char*>(&size), sizeof size);
  bytes.append(static_cast<const char*>(value), length);
}

void append_value(std::string& bytes, const Statement& row, int column) {
  if (row.is_null(column)) return append(bytes, "", 0);
  if (row.is_real(column)) {
    // Bit by bit: what is stored as a real number comes back as the same one.
    const double value = row.real(column);
    return append(bytes, &value, sizeof value);
  }
  const std::string text = row.text(column);
  append(bytes, text.data(), text.size());
}

// Adds each row to the hash of the run in column 0.
void add_rows(const Database& database, std::map<int64_t, Sha256>& hashes, std::string_view select,
              std::string_view order, int columns, std::optional<int64_t> only) {
  std::string sql(select);
  if (only) sql += " WHERE run_id = ?";
  Statement rows(database, sql += order);
  if (only) rows.bind(*only);
  std::string bytes;
  while (rows.step()) {
    bytes.clear();
    for (int column = 1; column < columns; ++column) append_value(bytes, rows, column);
    hashes[rows.integer(0)].add(bytes.data(), bytes.size());
  }
}

}  // namespace

std::map<int64_t, std::string> evidence_hashes(const Database& database,
                                               std::optional<int64_t> only) {
  std::map<int64_t, Sha256> hashes;
  add_rows(
      database, hashes,
      "SELECT run_id, key, cancelled, n, token, outcome FROM attempt JOIN run ON run.id = run_id",
      " ORDER BY run_id, n", 6, only);
  add_rows(database, hashes,
           "SELECT run_id, language, step, tokens_target, tokens_source, flops, loss_nats, "
           "loss_nats_per_byte, end_of_schedule, valid_tokens FROM eval",
           " ORDER BY run_id, language, step", 10, only);
  // Of runs without any the hashes are what they were before these columns.
  add_rows(database, hashes,
           "SELECT run_id, language, step, seen_tokens, loss_seen_nats FROM (SELECT * FROM eval "
           "WHERE seen_tokens IS NOT NULL)",
           " ORDER BY run_id, language, step", 5, only);
  add_rows(database, hashes,
           "SELECT run_id, name, step, questions, correct, correct_by_byte, answer_nats_per_byte "
           "FROM choice_score",
           " ORDER BY run_id, name", 7, only);
  std::map<int64_t, std::string> digits;
  for (auto& [run, hash] : hashes) digits[run] = hash.digits();
  return digits;
}

void seal_evidence(const Database& database, std::optional<int64_t> only) {
  Statement seal(database, only ? "INSERT OR REPLACE INTO evidence VALUES(?, ?)"
                                : "INSERT OR IGNORE INTO evidence VALUES(?, ?)");
  for (const auto& [run, hash] : evidence_hashes(database, only)) seal.bind(run, hash).run();
}

}  // namespace crosslaw::db
