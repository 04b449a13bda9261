#include "fit/data/data_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <stdexcept>
#include <utility>

#include "fit/data/column_choice.h"
#include "fit/data/column_role.h"
#include "fit/data/confounding.h"
#include "fit/data/kept_rows.h"
#include "fit/data/marginal_rows.h"
#include "fit/data/outliers.h"
#include "fit/data/point_reader.h"
#include "fit/data/repeated_rows.h"

namespace crosslaw::fit {
namespace {

// Leaves out rows without a value where that is asked for; else the reading of the first one
// throws.
void drop_missing(const Records& records, const std::vector<std::size_t>& needed, bool asked,
                  std::vector<std::size_t>& rows, std::vector<std::string>& notes) {
  std::vector<std::size_t> missing, kept;
  for (const std::size_t row : rows) {
    const bool gap = std::any_of(needed.begin(), needed.end(), [&](std::size_t column) {
      return is_missing(records.rows[row][column]);
    });
    (gap ? missing : kept).push_back(row);
  }
  if (missing.empty()) return;
  if (!asked) {
    const std::size_t row = missing.front();
    const auto column = *std::find_if(needed.begin(), needed.end(), [&](std::size_t each) {
      return is_missing(records.rows[row][each]);
    });
    try {
      number_in(records, row, column);
    } catch (const std::invalid_argument& error) {
      if (missing.size() == 1) throw;
      throw std::invalid_argument(
          fmt::format("{} ({} of {} rows have gaps)", error.what(), missing.size(), rows.size()));
    }
    return;
  }
  if (kept.empty()) {
    throw std::invalid_argument(fmt::format("{}: each of {} rows lacks a value in a used column",
                                            records.name, rows.size()));
  }
  notes.push_back(fmt::format("{}: {} of {} rows without a value in a used column, left out",
                              places(records, missing), missing.size(), rows.size()));
  rows = std::move(kept);
}

// One point for each set of rows that are equal in the columns named.
void reduce(const Records& records, const DataFileOptions& options, DataFile& out) {
  const bool mean = options.best_of.empty();
  const std::vector<std::string>& names = mean ? options.mean_of : options.best_of;
  std::vector<std::string> keys(out.points.size());
  for (const std::string& name : names) {
    const bool role = !records.has(name) && (name == "N" || name == "D");
    const std::size_t column = role ? 0 : records.column(name);
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const Point& point = out.points[i];
      keys[i] += role ? fmt::format("{:a}", name == "N" ? point.params : point.tokens)
                      : text_in(records, out.record_rows[i], column);
      keys[i] += '\x1f';
    }
  }
  DataFile reduced = out;
  reduced.points.clear();
  reduced.lines.clear();
  reduced.record_rows.clear();
  for (const Group& group : grouped(out.points, keys)) {
    reduced.points.push_back(out.points[group.chosen]);
    if (mean) reduced.points.back().loss = group.mean_loss;
    reduced.lines.push_back(out.lines[group.chosen]);
    reduced.record_rows.push_back(out.record_rows[group.chosen]);
  }
  reduced.notes.push_back(fmt::format("{} of each {}: {} points of {} rows",
                                      mean ? "the mean" : "the best", fmt::join(names, ", "),
                                      reduced.points.size(), out.points.size()));
  out = std::move(reduced);
}

// Trackers say which runs ended; the last loss of one that did not is no loss of that many tokens.
std::optional<std::string> describe_unfinished(const Records& records,
                                               const std::vector<std::size_t>& rows) {
  const auto is_end = [](const std::string& word) {
    for (const char* each : {"finished", "done", "completed", "complete", "success", "succeeded"}) {
      if (word == each) return true;
    }
    return false;
  };
  for (std::size_t c = 0; c < records.columns.size(); ++c) {
    const std::string name = plain_column_name(records.columns[c]);
    if (name != "state" && name != "status" && name != "run_state") continue;
    std::vector<std::size_t> unfinished;
    std::set<std::string> words;
    std::string end;
    for (const std::size_t row : rows) {
      const std::string cell = text_in(records, row, c), word = plain_column_name(cell);
      if (is_end(word)) end = cell;
      if (word.empty() || is_end(word)) continue;
      unfinished.push_back(row);
      words.insert(cell);
    }
    // Without one that ended the column may say something else.
    if (unfinished.empty() || end.empty()) continue;
    return fmt::format("{}: '{}' is {}: these runs did not end; --where '{}={}' leaves them out",
                       places(records, unfinished), records.columns[c], fmt::join(words, ", "),
                       records.columns[c], end);
  }
  return std::nullopt;
}

// A column of compute that is not used, yet tells whether N and D are what they seem.
void compare_compute(const Records& records, const DataFileOptions& used,
                     const std::vector<std::size_t>& rows, PointSource& source) {
  std::optional<ColumnGuess> found;
  try {
    found = guess_column(records, Role::kCompute, "--compute", taken_columns(records, used));
  } catch (const std::invalid_argument&) {  // several could be meant, and none is needed
  }
  if (!found) return;
  *found = column_by_numbers(records, Role::kCompute, std::move(*found), used.params);
  const CountUnit unit = count_unit_in_header(found->column);
  if (unit.logarithm) return;
  source.compute = found->column;
  source.compute_unit = unit;
  const std::size_t column = records.column(source.compute);
  for (const std::size_t row : rows) {
    const auto value = read_number(records.rows[row][column], records.mark);
    if (!value || !std::isfinite(value->value) || value->value <= 0) continue;
    source.compute_flops.push_back(value->value * (value->scaled ? 1 : unit.factor));
  }
}

// What the points look like beside each other.
void add_doubts(const Records& records, const PointReader& reader, DataFile& out) {
  PointSource source = reader.source(out.record_rows);
  const DataFileOptions& used = out.used;
  if (source.compute_in_use) {
    for (const Point& each : out.points) source.compute_flops.push_back(each.flops);
    if (reader.derives_by_compute()) source.compute_flops.clear();
  } else {
    compare_compute(records, used, out.record_rows, source);
  }
  out.doubts = doubts_about(out.points, source);
  const bool grave = std::any_of(out.doubts.begin(), out.doubts.end(),
                                 [](const Doubt& each) { return each.grave; });
  if (grave) return;
  if (auto sentence = describe_unfinished(records, out.record_rows)) {
    out.doubts.push_back({std::move(*sentence), false});
  }
  for (std::string& each : tokens_that_follow(records, out.record_rows, out.points)) {
    out.doubts.push_back({std::move(each), false});
  }
  if (used.best_of.empty() && used.mean_of.empty() && used.cluster.empty()) {
    if (auto sentence = describe_repeats(out.points, records, out.record_rows, used.loss)) {
      out.doubts.push_back({std::move(*sentence), false});
    }
  }
  for (Doubt& each : doubts_about_rows(out.points, source)) out.doubts.push_back(std::move(each));
}

// Leaves out those at these places among `rows`, and says why.
void leave_out(const Records& records, const std::vector<std::size_t>& which, const char* why,
               std::vector<std::size_t>& rows, std::vector<std::string>& notes) {
  if (which.empty()) return;
  std::vector<std::size_t> left, kept;
  std::size_t next = 0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool goes = next < which.size() && which[next] == i;
    if (goes) ++next;
    (goes ? left : kept).push_back(rows[i]);
  }
  notes.push_back(fmt::format("{}: {}", places(records, left), why));
  rows = std::move(kept);
}

// Rows that are copies say nothing new; weights and clusters mean something by them.
void drop_copies(const Records& records, const PointReader& reader, const DataFileOptions& used,
                 std::vector<std::size_t>& rows, std::vector<std::string>& notes) {
  if (!used.weight.empty() || !used.cluster.empty()) return;
  leave_out(records, equal_rows(records, rows),
            "equal to an earlier row in every column, counted once; --weight or --cluster keeps "
            "them",
            rows, notes);
  leave_out(records, copied_rows(records, rows, reader.used(), reader.loss()),
            "copies of an earlier row: N, D, the loss to all its digits and every other column in "
            "use are equal; counted once; --weight or --cluster keeps them",
            rows, notes);
}

// Before rows are judged, for a sum of losses may be missing.
void drop_computed_totals(const Records& records, const PointReader& reader,
                          std::vector<std::size_t>& rows, std::vector<std::string>& notes) {
  const std::size_t count = computed_totals(records, rows, reader.measures()).size();
  std::vector<std::size_t> last(count);
  std::iota(last.begin(), last.end(), rows.size() - count);
  leave_out(records, last,
            "each number is the sum or the mean of the rows above: a row of totals and no "
            "measurement, left out",
            rows, notes);
}

// Only the points at these places.
void keep_points(const std::vector<std::size_t>& which, DataFile& out) {
  for (std::size_t k = 0; k < which.size(); ++k) {
    out.points[k] = out.points[which[k]];
    out.lines[k] = out.lines[which[k]];
    out.record_rows[k] = out.record_rows[which[k]];
  }
  const std::size_t kept = which.size();
  out.points.resize(kept), out.lines.resize(kept), out.record_rows.resize(kept);
}

DataFile to_points(const Records& records, const DataFileOptions& options) {
  DataFile out;
  out.rows = records.rows.size();
  out.format = records.format;
  out.notes = records.notes;
  out.used = with_guessed_columns(records, options, out.notes);
  if (!options.best_of.empty() && !options.mean_of.empty()) {
    throw std::invalid_argument("--best-of and --mean-of exclude each other");
  }
  PointReader reader(records, out.used);
  std::vector<std::size_t> rows = kept_rows(records, out.used, reader);
  drop_computed_totals(records, reader, rows, out.notes);
  drop_missing(records, reader.needed(), options.drop_missing, rows, out.notes);
  drop_copies(records, reader, out.used, rows, out.notes);
  reader.say_units(out.notes);
  out.loss_unit = describe(reader.loss_unit());
  for (const std::size_t row : rows) {
    out.points.push_back(reader.read(row, out.clusters));
    out.lines.push_back(records.lines[row]);
  }
  out.record_rows = std::move(rows);
  keep_points(kept_points(records, out.used, out.points), out);
  if (!options.best_of.empty() || !options.mean_of.empty()) reduce(records, out.used, out);
  add_doubts(records, reader, out);
  return out;
}

// Columns that the user named: they help to tell the separator.
std::vector<std::string> wanted_columns(const DataFileOptions& options) {
  std::vector<std::string> out;
  if (!options.params.empty()) out = split_sum(options.params);
  for (const std::string* each : {&options.tokens, &options.loss}) {
    if (!each->empty()) out.push_back(*each);
  }
  return out;
}

}  // namespace

DataFile read_data_file(const DataFileOptions& options) {
  return parse_data(read_text(options.path), options);
}

DataFile parse_data(std::string_view text, const DataFileOptions& options) {
  DataFile out = to_points(parse_records(text, options.path, wanted_columns(options)), options);
  out.fingerprint = fingerprint(text);
  return out;
}

}  // namespace crosslaw::fit
